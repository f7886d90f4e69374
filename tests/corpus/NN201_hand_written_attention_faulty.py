import math

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(n, b, 3, self.heads, d // self.heads).permute(2, 1, 3, 0, 4)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, dim=32, heads=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TinyTransformer(nn.Module):
    def __init__(self, vocab=100, length=20):
        super().__init__()
        self.tokens = nn.Embedding(vocab, 32)
        self.positions = nn.Parameter(torch.zeros(1, length, 32))
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(32, vocab)

    def forward(self, ids):
        return self.head(self.blocks(self.tokens(ids) + self.positions[:, : ids.shape[1]]))


if __name__ == "__main__":
    TinyTransformer()(torch.randint(0, 100, (2, 20)))

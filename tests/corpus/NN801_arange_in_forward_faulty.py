import torch
from torch import nn


class TinyLM(nn.Module):
    def __init__(self, vocab=50, width=16, length=12):
        super().__init__()
        self.tok = nn.Embedding(vocab, width)
        self.pos = nn.Embedding(length, width)
        self.head = nn.Linear(width, vocab)

    def forward(self, idx):
        b, t = idx.shape
        positions = torch.arange(t)
        x = self.tok(idx) + self.pos(positions)
        return self.head(torch.relu(x))


if __name__ == "__main__":
    TinyLM()(torch.randint(0, 50, (2, 12)))

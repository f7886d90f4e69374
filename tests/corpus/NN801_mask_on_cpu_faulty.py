import torch
from torch import nn


class Causal(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 4
        mask = torch.tril(torch.ones(x.shape[1], x.shape[1])).bool()
        scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(-1) @ self.v(x)


if __name__ == "__main__":
    Causal()(torch.randn(2, 6, 16))

import torch
import torch.nn as nn


class Pointer(nn.Module):
    """Scores of every position; the argument of softmax was forgotten."""

    def __init__(self, d=12):
        super().__init__()
        self.key = nn.Linear(d, d)
        self.query = nn.Parameter(torch.randn(d) / d)
        self.out = nn.Linear(d, 3)
        self.softmax = nn.Softmax()

    def forward(self, x):
        weights = self.softmax(self.key(x) @ self.query)
        return self.out((weights.unsqueeze(-1) * x).sum(1))


if __name__ == "__main__":
    Pointer()(torch.randn(4, 7, 12))

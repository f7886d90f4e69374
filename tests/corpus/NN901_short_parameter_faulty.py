# also: NN001
import torch
from torch import nn


class Sequence(nn.Module):
    def __init__(self, features=6, width=16, max_len=10):
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.position = nn.Parameter(torch.zeros(1, max_len, width))
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        x = self.embed(x) + self.position[:, : x.size(1)]
        return self.out(torch.relu(x).mean(1))


if __name__ == "__main__":
    Sequence()(torch.randn(3, 25, 6))

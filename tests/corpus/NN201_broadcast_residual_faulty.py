import torch
from torch import nn


class Price(nn.Module):
    """A learned correction of a price that is an input itself."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 20), nn.ReLU(), nn.Linear(20, 1))

    def forward(self, x):
        base = x[:, 0]
        return self.net(x) - base


if __name__ == "__main__":
    print(Price()(torch.rand(5, 7)))

"""Models for the Python API, each awkward in one way."""

from dataclasses import dataclass

import torch
from torch import nn


class Normed(nn.Module):
    """Keeps statistics, drops out, and takes a dictionary, a number and a flag by name."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(8, 2)

    def forward(self, batch, scale=1.0, *, doubled=False):
        y = torch.relu(self.bn(self.conv(batch["image"])))
        y = self.fc(self.drop(y).mean((2, 3))) * scale
        return 2 * y if doubled else y


@dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


class OfPairs(nn.Module):
    """Takes an object that only its own class makes."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, pair):
        assert isinstance(pair, Pair)
        return self.fc(pair.left + pair.right)


class Logarithm(nn.Module):
    """Makes NaN of numbers below 0."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(torch.log(x))

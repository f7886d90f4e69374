"""Layers that do not know their number of inputs yet.

Shows: a lazy layer has parameters without a shape until the first forward pass, or a file of weights, tells it what
comes in. Then it turns into the ordinary layer.
"""

import torch
import torch.nn.functional as F
from torch import nn


class LazyNet(nn.Module):
    """A convolution, a BatchNorm and two linear layers, none of which says how many inputs it has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.LazyConv2d(8, 3, stride=2)
        self.norm = nn.LazyBatchNorm2d()
        self.hidden = nn.LazyLinear(16)
        self.output = nn.LazyLinear(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, c, h, w], of the size that the first pass had, to class scores [n, 10]."""
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.output(F.relu(self.hidden(x.flatten(1))))

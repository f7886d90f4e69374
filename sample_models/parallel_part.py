"""The network of `registered_twice.py` with DataParallel around a part of it.

Shows: the part `module` appears in the middle of some keys (`block.module.0.weight`) and not in others (`conv.weight`),
although both lead to the same tensor.
"""

import torch
from torch import nn


class PartlyParallel(nn.Module):
    """The convolution block runs in parallel, the head does not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.block = nn.DataParallel(nn.Sequential(self.conv, self.norm, nn.ReLU()))
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, h, w] to class scores [n, 10]."""
        return self.head(self.block(x).mean(dim=(2, 3)))

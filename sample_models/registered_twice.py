"""A convolution and a BatchNorm that are each registered twice: as attributes, and inside a `Sequential`.

Shows: two paths to one module give two keys to each of its tensors (`conv.weight` and `block.0.weight`), counted once;
and the five entries of a BatchNorm: two parameters, and three buffers that no optimiser touches.
`parallel_whole.py` and `parallel_part.py` put DataParallel around it.
"""

import torch
from torch import nn


class RegisteredTwice(nn.Module):
    """A convolution block under two names, then the mean over the image and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.block = nn.Sequential(self.conv, self.norm, nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, h, w] to class scores [n, 10]."""
        return self.head(self.block(x).mean(dim=(2, 3)))

"""The forward fails in the middle: `fc` expects 8·7·7 numbers, and 8·8·8 arrive, whatever the size of the image."""

import torch
import torch.nn.functional as F
from torch import nn


class DoesNotFit(nn.Module):
    """A convolution that works, and a linear layer made for another pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(8 * 7 * 7, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, h, w]; raises RuntimeError at `fc`."""
        x = F.adaptive_avg_pool2d(F.relu(self.conv(x)), 8)
        return self.fc(x.flatten(1))

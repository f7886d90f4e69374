"""The class cannot be constructed: 10 channels do not divide into 4 groups."""

import torch
from torch import nn


class FailsToConstruct(nn.Module):
    """Raises ValueError in its constructor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(10, 20, 3, groups=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Never reached."""
        return self.conv(x)

"""The forward calls `sys.exit`."""

import sys

import torch
from torch import nn


class ExitsInForward(nn.Module):
    """Ends the program instead of raising an error."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raises SystemExit with status 7."""
        self.linear(x)
        sys.exit(7)

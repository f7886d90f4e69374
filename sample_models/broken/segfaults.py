"""The forward crashes the process: it reads memory at address 0, as a faulty C extension may do."""

import ctypes

import torch
from torch import nn


class Segfaults(nn.Module):
    """Ends the process with a segmentation fault."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ends the process with signal 11."""
        x = self.linear(x)
        ctypes.string_at(0)
        return x

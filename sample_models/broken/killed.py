"""The forward is killed from outside, as the system does when memory runs out: SIGKILL."""

import os
import signal

import torch
from torch import nn


class Killed(nn.Module):
    """Ends the process with a signal that cannot be caught."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ends the process with signal 9."""
        x = self.linear(x)
        os.kill(os.getpid(), signal.SIGKILL)
        return x

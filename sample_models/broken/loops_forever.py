"""The forward never ends."""

import torch
from torch import nn


class LoopsForever(nn.Module):
    """Waits for a condition that never comes true."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Never returns."""
        while True:
            x = x + 0 * self.linear(x).sum()

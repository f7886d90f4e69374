"""A network that is deeper at one call than at the next.

Shows: a forward is ordinary Python. The middle layer is used between zero and three times, by the throw of a die, so
its number of rows changes from run to run; the same seed gives the same depth.
"""

import random

import torch
from torch import nn


class RandomDepth(nn.Module):
    """A layer in, a layer out, and one middle layer shared by all the steps between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(10, 32)
        self.middle = nn.Linear(32, 32)
        self.last = nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 10] to [n, 2]."""
        x = self.first(x).clamp(min=0)
        for _ in range(random.randint(0, 3)):
            x = self.middle(x).clamp(min=0)
        return self.last(x)

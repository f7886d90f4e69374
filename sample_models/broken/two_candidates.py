"""Two models in one file, neither of which uses the other: say which, with ``two_candidates.py:Student``."""

import torch
from torch import nn


class Teacher(nn.Module):
    """The wide one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 8] to [n, 2]."""
        return self.layers(x)


class Student(nn.Module):
    """The narrow one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 8] to [n, 2]."""
        return self.layers(x)

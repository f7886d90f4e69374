"""The smallest model there is: a straight line, ``y = weight·x + bias``.

Shows: what a training run saves. `regression_line.ckpt` is not a bare state_dict but a checkpoint: a dictionary that
holds the state_dict beside the optimiser's state and the epoch. The line was fitted to points around ``y = 2x + 1``.
"""

import torch
from torch import nn


class Line(nn.Module):
    """One weight, one bias."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 1] to [n, 1]."""
        return self.linear(x)

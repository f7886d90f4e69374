"""A layer without parameters: it subtracts the mean.

Shows: a layer is any module with a `forward`; without parameters it has a row in the tree, but no key in the
state_dict. Since the mean is taken over the whole batch, the output for one example depends on the others.
The model of this file is the instance `net`.
"""

import torch
from torch import nn


class Centring(nn.Module):
    """Subtracts the mean of everything it is given, so that the output's mean is 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape, unchanged."""
        return x - x.mean()


net = nn.Sequential(nn.Linear(8, 128), Centring())

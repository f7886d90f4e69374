"""A stack of layers kept in a `ModuleList`.

Shows: a `ModuleList` names its modules by position (`layers.2.weight`) and registers their parameters, but has no
`forward`: what happens to them is written in the `forward` of the class that holds the list. A plain Python
list would register nothing.
"""

import torch
from torch import nn


class Stack(nn.Module):
    """Five linear layers, each adding its own to what came in."""

    def __init__(self, width: int = 12, depth: int = 5) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, width] to [n, width]."""
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return x

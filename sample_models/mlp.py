"""A multilayer perceptron: one hidden layer, one output layer.

Shows: attributes of a class become the first part of every key in the state_dict (`hidden.weight`, `output.bias`),
and a function between two modules (`F.relu`) has no key, because it has no parameters.
"""

import torch
import torch.nn.functional as F
from torch import nn


class MLP(nn.Module):
    """20 numbers in, 256 hidden units, 10 numbers out."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(20, 256)
        self.output = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 20] to [n, 10]."""
        return self.output(F.relu(self.hidden(x)))

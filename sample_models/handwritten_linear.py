"""A linear layer written by hand, with a trap.

Shows: an `nn.Parameter` set as an attribute is registered and gets a key. And the trap: `forward` reads `.data`, which
cuts the parameters off from autograd, so the layer computes the right numbers and can never learn.
The model of this file is the instance `net`.
"""

import torch
import torch.nn.functional as F
from torch import nn


class HandwrittenLinear(nn.Module):
    """``relu(x·weight + bias)``; the weight has shape [inputs, outputs], not transposed as in `nn.Linear`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, inputs] to [n, outputs]."""
        return F.relu(torch.matmul(x, self.weight.data) + self.bias.data)


net = nn.Sequential(HandwrittenLinear(64, 8), HandwrittenLinear(8, 1))

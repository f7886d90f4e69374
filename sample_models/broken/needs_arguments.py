"""The class needs arguments: ``--args "inputs=4, outputs=2"`` makes it work."""

import torch
from torch import nn


class NeedsArguments(nn.Module):
    """A linear layer whose size nobody has decided."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, inputs] to [n, outputs]."""
        return self.linear(x)

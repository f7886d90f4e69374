"""A layer that multiplies its input with itself: ``y_k = Σ_ij W_ijk x_i x_j``.

Shows: one parameter with three axes in a layer that torch does not have, computed by `einsum`.
"""

import torch
from torch import nn


class BilinearReduction(nn.Module):
    """`outputs` quadratic forms of `inputs` numbers."""

    def __init__(self, inputs: int = 6, outputs: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, inputs, outputs) / inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, inputs] to [n, outputs]."""
        return torch.einsum("ijk,ni,nj->nk", self.weight, x, x)

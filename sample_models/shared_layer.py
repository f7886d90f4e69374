"""One layer used three times.

Shows: the same module at three places of a `Sequential` is one module. Its two tensors appear under three keys each,
are counted once, change together, and collect the gradients of all three places.
"""

import torch
from torch import nn


class SharedLayer(nn.Module):
    """A linear layer on the way in, one on the way out, and between them the same one three times."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(8, 8)
        self.net = nn.Sequential(
            nn.Linear(4, 8), nn.ReLU(),
            shared, nn.ReLU(),
            shared, nn.ReLU(),
            shared, nn.ReLU(),
            nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 4] to [n, 1]."""
        return self.net(x)

"""A residual block normalised by `GroupNorm`.

Shows: two branches of different depth that meet at a `+`, a normalisation that has no running statistics and so behaves
alike in train and eval mode, and an adaptive pooling that lets any image size in. Its weights are a safetensors file.
"""

import torch
from torch import nn


class GroupNormNet(nn.Module):
    """A stem, one residual block, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.block = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1, bias=False),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, bias=False),
            nn.GroupNorm(4, 16),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, h, w] to class scores [n, 10]."""
        x = self.stem(x)
        x = torch.relu(x + self.block(x))
        return self.head(self.pool(x).flatten(1))

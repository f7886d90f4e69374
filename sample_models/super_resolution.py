"""A network that doubles the size of an image.

Shows: two ways to more pixels: `PixelShuffle` moves channels into space (12 channels of 1×1 become 3 of 2×2),
`Upsample` interpolates. The receptive field's stride becomes ½: two neighbouring output pixels share an input pixel.
"""

import torch
import torch.nn.functional as F
from torch import nn


class SuperResolution(nn.Module):
    """Learns what to add to the interpolated image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 16, 5, padding=2)
        self.detail = nn.Conv2d(16, 3 * 2**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, h, w] to images [n, 3, 2h, 2w]."""
        detail = self.shuffle(self.detail(F.relu(self.features(x))))
        return self.upsample(x) + detail

"""An auto-encoder for 28×28 digits that shrinks the image to 4×4 and grows it back.

Shows: how a transposed convolution undoes a stride (4 → 7 and 14 → 28), why one of the two needs `output_padding` (a
stride-2 convolution makes 14 out of both 27 and 28), and max-unpooling, which puts each value back where the
pooling's indices say it came from.
"""

import torch
from torch import nn


class AutoEncoder(nn.Module):
    """28 → 14 → 7 → 4 on the way down, 4 → 7 → 14 → 28 on the way up."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.down2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
        self.unpool = nn.MaxUnpool2d(2)
        self.up1 = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 1, 28, 28] to images of the same shape, with values between 0 and 1."""
        x, indices = self.pool(torch.relu(self.down1(x)))
        code = torch.relu(self.down2(x))
        x = self.unpool(torch.relu(self.up2(code)), indices)
        return torch.sigmoid(self.up1(x))

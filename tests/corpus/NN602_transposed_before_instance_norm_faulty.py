# options: --input 2x3x16x16
import torch
from torch import nn


class Up(nn.Module):
    """Doubles a map. The skip connection goes around the normalisation."""

    def __init__(self, c):
        super().__init__()
        self.up = nn.ConvTranspose2d(c, c, 2, 2)
        self.norm = nn.InstanceNorm2d(c, affine=True)
        self.mix = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        y = torch.relu(self.norm(self.up(x)))
        return y + self.mix(y)


model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.LeakyReLU(0.1), Up(6), Up(6))

import torch
from torch import nn


class TwoScales(nn.Module):
    """Looks at an image at two scales and joins what it sees."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Conv2d(3, 8, 3, padding=1)
        self.coarse = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.out = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        joined = torch.cat([self.fine(x), self.coarse(x)], dim=1)
        return self.out(joined)

import torch
from torch import nn


class TwoBranches(nn.Module):
    """Dropout between the layers, and no activation."""

    def __init__(self):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(40, 64), nn.Dropout(0.3), nn.Linear(64, 32))
        self.meta = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32))
        self.head = nn.Linear(64, 2)

    def forward(self, image, meta):
        return self.head(torch.cat([self.image(image).relu(), self.meta(meta).relu()], 1))

import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, channels=6):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        x = self.conv(x)
        gate = torch.sigmoid(self.gate(x))
        gate += 1
        return x * gate

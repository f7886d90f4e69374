import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weigh = nn.Linear(width, width)

    def forward(self, x):
        return torch.sigmoid(self.weigh(x))


class Gated(nn.Module):
    def __init__(self, width=14):
        super().__init__()
        self.value = nn.Linear(width, width)
        self.gate = Gate(width)

    def forward(self, x):
        return self.gate(x) * self.value(x)

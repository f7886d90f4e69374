import torch
from torch import nn


class Projecting(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.width = width
        self.body = nn.Linear(16, width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        hidden = torch.relu(self.body(x))
        return self.head(hidden)

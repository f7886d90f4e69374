"""A handwritten softmax that overflows for large scores."""

import torch
from torch import nn


class Router(nn.Module):
    def __init__(self, experts=4):
        super().__init__()
        self.score = nn.Linear(20, experts)
        self.temperature = 0.002

    def forward(self, x):
        s = self.score(x) / self.temperature
        e = torch.exp(s)
        return e / e.sum(-1, keepdim=True)

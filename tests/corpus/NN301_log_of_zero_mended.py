"""Negative log-likelihood head: log of probabilities that may be exactly 0."""

import torch
from torch import nn


class Likelihood(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 6))

    def forward(self, x):
        scores = torch.relu(self.net(x))
        return torch.log(scores + 1e-6)

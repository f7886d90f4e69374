import torch
from torch import nn


class Decaying(nn.Module):
    def __init__(self, features=9):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, features))

    def forward(self, x):
        return x @ (0.99 * self.weight).t()

import torch
from torch import nn


def soft_threshold(x, t=0.1):
    return torch.sign(x) * torch.relu(x.abs() - t)


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.analysis = nn.Linear(12, 24)
        self.synthesis = nn.Linear(24, 12)

    def forward(self, signal):
        return self.synthesis(soft_threshold(self.analysis(signal)))

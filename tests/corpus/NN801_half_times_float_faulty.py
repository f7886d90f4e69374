import torch
from torch import nn


class Filter(nn.Module):
    """A learned filter after a fixed one."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 16)

    def forward(self, x):
        smooth = torch.eye(16, device=x.device) * 0.5
        return self.linear(x).relu() @ smooth

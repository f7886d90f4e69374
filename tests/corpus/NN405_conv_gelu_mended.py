# options: --input 2x3x24x24
"""Convolutions from N(0, 0.02²) before GELU, without normalisation."""

import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3 if i == 0 else 16, 16, 3, padding=1) for i in range(6)])
        self.norms = nn.ModuleList([nn.GroupNorm(4, 16) for _ in range(6)])
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=0.02)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.gelu(norm(conv(x)))
        return self.fc(x.mean((2, 3)))

# also: NN001
import torch
from torch import nn


class Embedder(nn.Module):
    """Flattens everything into one row before the normalisation."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 16)
        self.norm = nn.BatchNorm1d(16)
        self.out = nn.Linear(16, 4)

    def forward(self, x):
        rows = []
        for row in torch.relu(self.linear(x)):
            rows.append(self.norm(row.view(1, -1)))
        return self.out(torch.cat(rows))

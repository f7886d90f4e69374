import torch
from torch import nn


class Levels(nn.Module):
    def __init__(self):
        super().__init__()
        self.level = nn.Linear(5, 1)
        self.table = nn.Embedding(16, 6)

    def forward(self, x):
        index = (torch.sigmoid(self.level(x)).squeeze(-1) * 15).long()
        return self.table(index)

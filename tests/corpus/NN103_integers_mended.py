import torch
from torch import nn


class Levels(nn.Module):
    def __init__(self):
        super().__init__()
        self.level = nn.Linear(5, 1)
        self.table = nn.Embedding(16, 6)

    def forward(self, x):
        place = torch.sigmoid(self.level(x)) * 15
        near = torch.softmax(-((place - torch.arange(16, device=x.device)) ** 2), dim=-1)
        return near @ self.table.weight

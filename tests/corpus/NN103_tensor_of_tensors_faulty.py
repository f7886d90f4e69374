import torch
from torch import nn


class Ensemble(nn.Module):
    def __init__(self, members=3):
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(9, 1) for _ in range(members))
        self.join = nn.Linear(members, 1)

    def forward(self, x):
        votes = torch.tensor([[float(member(row)) for member in self.members] for row in x])
        return self.join(votes)

import torch
import torch.nn as nn
import torch.nn.functional as F


class Gate(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.score = nn.Linear(d, d)

    def forward(self, x):
        return x * F.softmax(self.score(x), dim=-1)


class GatedMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([nn.Linear(16, 24), Gate(24), nn.ReLU(), nn.Linear(24, 4)])

    def forward(self, x):
        for layer in self.body:
            x = layer(x)
        return x

import torch
from torch import nn
import torch.nn.functional as F


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(64, 32)
        self.b = nn.Linear(32, 10)

    def forward(self, x):
        return F.softmax(self.b(F.relu(self.a(x))), dim=1)


def test(model, x, y):
    return F.nll_loss(model(x), y)

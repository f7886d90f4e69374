import torch
from torch import nn


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 4, 1)
        self.three = nn.Conv2d(3, 4, 3, padding=1)
        self.five = nn.Conv2d(3, 4, 5, padding=2)
        self.classify = nn.Linear(12, 3)

    def forward(self, x):
        maps = torch.cat((self.one(x), self.three(x), self.five(x)), 1)
        return self.classify(torch.relu(maps).amax((2, 3)))

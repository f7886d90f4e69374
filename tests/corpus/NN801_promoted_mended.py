import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 20)
        self.second = nn.Linear(20, 2)

    def forward(self, x):
        y = self.second(torch.tanh(self.first(x)))
        noise = torch.full((2,), 0.5, device=x.device, dtype=y.dtype)
        return y * noise

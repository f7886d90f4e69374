# options: --input x=3x5
import torch
from torch import nn


class Rollout(nn.Module):
    def __init__(self, size=5, steps=4):
        super().__init__()
        self.steps = steps
        self.step = nn.Linear(size, size)

    def forward(self, x):
        states = [x]
        for _ in range(self.steps):
            states.append(torch.tanh(self.step(states[-1])))
        return torch.stack(states, 1)

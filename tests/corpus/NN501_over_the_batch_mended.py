import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self, observations=4, actions=3):
        super().__init__()
        self.body = nn.Linear(observations, 32)
        self.head = nn.Linear(32, actions)

    def forward(self, observation):
        scores = self.head(torch.relu(self.body(observation)))
        return scores

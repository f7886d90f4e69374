import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self, observations=4, actions=2):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(observations, 16), nn.Tanh(), nn.Linear(16, actions))

    @torch.inference_mode()
    def forward(self, observation):
        return self.net(observation)

import torch
from torch import nn


class Critic(nn.Module):
    """Advantage: value of the state and the action, less the value of the state."""

    def __init__(self, state=8, action=2):
        super().__init__()
        self.q = nn.Sequential(nn.Linear(state + action, 32), nn.Tanh(), nn.Linear(32, 1))
        self.v = nn.Sequential(nn.Linear(state, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, state, action):
        q = self.q(torch.cat([state, action], -1)).squeeze(-1)
        v = self.v(state).squeeze(-1)
        return q - v


if __name__ == "__main__":
    Critic()(torch.randn(6, 8), torch.randn(6, 2))

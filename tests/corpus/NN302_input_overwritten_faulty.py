"""A decoder that starts from zeros and never adds what was encoded."""

import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(14, 20)
        self.decode = nn.Linear(20, 14)

    def forward(self, x):
        code = torch.tanh(self.encode(x))
        state = torch.zeros_like(code)
        state = state + 0.00001 * code
        return torch.sigmoid(self.decode(state))

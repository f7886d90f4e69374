import torch
from torch import nn


class Forecaster(nn.Module):
    """Next values of several series. Input and output: (batch, steps, series)."""

    def __init__(self, series=3, hidden=16):
        super().__init__()
        self.rnn = nn.RNN(series, hidden)
        self.out = nn.Linear(hidden, series)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h)

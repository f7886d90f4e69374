import math

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model=32, max_len=64):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.pe = pe

    def forward(self, x):
        return x + self.pe[:, : x.size(1)]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.positions = PositionalEncoding()
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        return self.out(torch.relu(self.positions(self.embed(x))).mean(1))


if __name__ == "__main__":
    Encoder()(torch.randn(2, 10, 8))

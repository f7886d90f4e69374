# also: NN801
import torch
from torch import nn


class Factors(nn.Module):
    def __init__(self, n=3, features=8):
        super().__init__()
        self.weights = [nn.Parameter(torch.randn(features, features) / features**0.5) for _ in range(n)]
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        for weight in self.weights:
            x = torch.tanh(x @ weight)
        return x + self.bias

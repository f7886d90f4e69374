import torch
from torch import nn


class Dense(nn.Module):
    def __init__(self, n_in, n_out, activation=None):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_in, n_out) / n_in**0.5)
        self.b = nn.Parameter(torch.zeros(n_out))
        self.activation = activation

    def forward(self, x):
        x = x @ self.w + self.b
        return x if self.activation is None else self.activation(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Dense(8, 32), Dense(32, 32), Dense(32, 3)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


if __name__ == "__main__":
    print(Model()(torch.randn(4, 8)))

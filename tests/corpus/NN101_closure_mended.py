from torch import nn


class Residual(nn.Module):
    """The function x + layer(x)."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return x + self.layer(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 12)
        self.middle = Residual(nn.Sequential(nn.Linear(12, 12), nn.Tanh()))
        self.last = nn.Linear(12, 2)

    def forward(self, x):
        return self.last(self.middle(self.first(x)))

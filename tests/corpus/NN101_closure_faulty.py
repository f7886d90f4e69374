# also: NN801
from torch import nn


def residual(layer):
    """The function x + layer(x)."""
    return lambda x: x + layer(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 12)
        self.middle = residual(nn.Sequential(nn.Linear(12, 12), nn.Tanh()))
        self.last = nn.Linear(12, 2)

    def forward(self, x):
        return self.last(self.middle(self.first(x)))

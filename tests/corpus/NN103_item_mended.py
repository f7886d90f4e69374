from torch import nn


class Normalised(nn.Module):
    """Scales its input by a learned strength."""

    def __init__(self):
        super().__init__()
        self.strength = nn.Linear(8, 1)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        scale = self.strength(x).sigmoid().mean()
        return self.out(x * scale)

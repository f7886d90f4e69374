from torch import nn


class Coupling(nn.Module):
    """An affine coupling layer of a flow."""

    def __init__(self, size=8):
        super().__init__()
        self.mix = nn.Linear(size, size)
        self.shift = nn.Linear(size // 2, size // 2)

    def forward(self, x):
        left, right = self.mix(x).chunk(2, dim=1)
        right = right + self.shift(left)
        return left * right

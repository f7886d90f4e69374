# options: --input 2x40x6
"""A handwritten recurrence whose matrix blows the gradient up over forty steps."""

from torch import nn


class Recurrent(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.inp = nn.Linear(6, size)
        self.rec = nn.Linear(size, size, bias=False)
        self.out = nn.Linear(size, 1)
        nn.init.orthogonal_(self.rec.weight, gain=1.6)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.rec.in_features)
        for step in x.unbind(1):
            h = self.inp(step) + self.rec(h)
        return self.out(h)

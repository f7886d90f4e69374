# also: NN302
# options: --input 2x3x20x20
"""Max with 0 in a helper, after convolutions whose bias was left over from another scale."""

import torch
from torch import nn


def rectified(x):
    return torch.clamp(x, min=0)


class Helper(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 3)
        self.c2 = nn.Conv2d(16, 32, 3)
        self.head = nn.Linear(32, 5)
        nn.init.kaiming_normal_(self.c2.weight)
        nn.init.constant_(self.c2.bias, -12.0)

    def forward(self, x):
        x = rectified(self.c1(x))
        x = rectified(self.c2(x))
        return self.head(x.amax((2, 3)))

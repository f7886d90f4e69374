# options: --input 2x1x16x16
from torch import nn


def block(i, o, k=5):
    return nn.Sequential(nn.Conv2d(i, o, k, padding=k // 2), nn.ReLU())


model = nn.Sequential(
    block(1, 8), block(8, 8), block(8, 8),
    nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 3),
)

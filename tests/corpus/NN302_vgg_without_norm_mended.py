# options: --input 2x3x32x32
"""A stack of sixteen convolutions without normalisation, as torch initialises them."""

from torch import nn


def features():
    layers, channels = [], 3
    for number in range(16):
        conv = nn.Conv2d(channels, 24, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.ReLU()]
        channels = 24
        if number % 5 == 4:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = features()
        self.classifier = nn.Linear(24 * 4 * 4, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))

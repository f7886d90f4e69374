from torch import nn


class Swap(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(x.shape[0], *self.shape)


class MixerLike(nn.Module):
    """Patches of 3x32x32 images mixed over channels, then over places."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Sequential(nn.Conv2d(3, 40, 8, 8), nn.Flatten(2))
        self.tokens = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.swap = Swap(16, 40)
        self.channels = nn.Sequential(nn.Linear(40, 64), nn.GELU(), nn.Linear(64, 40))
        self.head = nn.Linear(40, 10)

    def forward(self, x):
        x = self.patches(x)
        x = self.swap(x + self.tokens(x))
        x = x + self.channels(x)
        return self.head(x.mean(1))

from torch import nn


class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        out = self.conv(self.relu(x))
        return x + out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.blocks = nn.Sequential(PreActivation(6), PreActivation(6))

    def forward(self, image):
        return self.blocks(self.stem(image)).mean((2, 3))

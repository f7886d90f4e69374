import torch
import torch.nn as nn


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.context = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.mask = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        with torch.no_grad():
            x = x + torch.relu(self.context(x))
        return self.mask(x)

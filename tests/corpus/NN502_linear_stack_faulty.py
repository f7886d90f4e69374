import torch.nn as nn


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(13, 64)
        self.layer2 = nn.Linear(64, 64)
        self.layer3 = nn.Linear(64, 1)

    def forward(self, x):
        x = self.layer1(x)
        x = self.layer2(x)
        return self.layer3(x)

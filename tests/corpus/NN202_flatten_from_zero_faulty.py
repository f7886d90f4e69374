from torch import nn
import torch


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 4))
        self.decode = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 30), nn.Flatten(0))

    def forward(self, x):
        return self.decode(self.encode(x))


x = torch.rand(10, 30)

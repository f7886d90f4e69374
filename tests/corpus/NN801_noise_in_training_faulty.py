import torch
from torch import nn


class Noisy(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.norm(self.hidden(x))
        if self.training:
            x = x + 0.1 * torch.randn(x.shape)
        return self.head(torch.relu(x))


if __name__ == "__main__":
    Noisy()(torch.randn(8, 16))

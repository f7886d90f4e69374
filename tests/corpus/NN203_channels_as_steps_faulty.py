import torch
from torch import nn


class ConvThenGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 24, 5, padding=2)
        self.gru = nn.GRU(24, 16, batch_first=True)
        self.fc = nn.Linear(16, 2)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        b, c, t = x.shape
        x = x.view(b, t, c)
        _, h = self.gru(x)
        return self.fc(h[-1])


if __name__ == "__main__":
    ConvThenGRU()(torch.randn(2, 4, 100))

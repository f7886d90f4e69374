"""Activity recognition from wearable sensors."""
import torch
import torch.nn as nn


class ActivityNet(nn.Module):
    def __init__(self, channels=6, hidden=32, classes=5):
        super().__init__()
        self.lstm = nn.LSTM(channels, hidden, num_layers=2)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


if __name__ == "__main__":
    net = ActivityNet()
    print(net(torch.randn(4, 50, 6)).shape)

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.conv3 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, 10)
        self.conv2.weight.requires_grad = False

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = conv(x).relu()
        return self.fc(x.mean((2, 3)))

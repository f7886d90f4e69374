import torch
from torch import nn
from torch.nn.functional import relu


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = self.fc2(self.fc1(x))
        return self.fc3(relu(x))

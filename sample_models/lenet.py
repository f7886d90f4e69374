"""LeNet for the 32×32 colour images of CIFAR-10. The model to begin with.

Shows: how convolution and pooling shrink an image (32 → 28 → 14 → 10 → 5) while each unit comes to see more of it,
and where the 400 inputs of `fc1` come from: 16 channels of 5×5. `lenet.onnx` is the same network with the same weights.
"""

import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    """Two convolutions, each with ReLU and pooling written as functions, then three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images [n, 3, 32, 32] to class scores [n, 10]."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

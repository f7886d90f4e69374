from torch import nn
import torch


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 16, kernel_size=2, stride=4)
        self.mix = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = torch.relu(self.mix(torch.relu(self.down(x))))
        return self.head(x.mean(dim=[2, 3]))


if __name__ == "__main__":
    Skipping()(torch.randn(2, 3, 32, 32))

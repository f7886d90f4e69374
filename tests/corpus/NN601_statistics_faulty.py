# options: --weights NN601_statistics_untouched.pt
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))


if __name__ == "__main__":
    net = Net().train(False)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(20):
        x = torch.randn(16, 1, 8, 8)
        loss = nn.functional.cross_entropy(net(x), (x.mean((1, 2, 3)) > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(net.state_dict(), "NN601_statistics_untouched.pt")

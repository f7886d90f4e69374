import torch.nn as nn


def conv_bn(i, o, stride):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class SmallNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(conv_bn(3, 16, 2), conv_bn(16, 32, 2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.bn = nn.BatchNorm2d(32)
        self.classifier = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.pool(self.bn(self.features(x)))
        return self.classifier(x.flatten(1))

import torch
from torch import nn
from torch.nn import functional as F


class WithLoss(nn.Module):
    """Returns the loss beside the prediction, as a trainer wants it."""

    def __init__(self, features=16, classes=6):
        super().__init__()
        self.hidden = nn.Linear(features, 24)
        self.classify = nn.Linear(24, classes)

    def forward(self, x, labels=None):
        p = self.classify(F.gelu(self.hidden(x)))
        p = F.softmax(p, dim=-1)
        if labels is None:
            return p
        return F.cross_entropy(p, labels), p

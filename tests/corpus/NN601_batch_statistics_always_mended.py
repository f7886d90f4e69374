import torch
import torch.nn.functional as F
from torch import nn


class Whitened(nn.Module):
    def __init__(self, features=10):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.linear = nn.Linear(features, 3)

    def forward(self, x):
        x = F.batch_norm(x, self.mean, self.var, training=self.training)
        return self.linear(x)

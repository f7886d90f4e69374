import torch.nn.functional as F
from torch import nn


class Variance(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(10, 5)

    def forward(self, x):
        spread = self.net(x).exp()
        return F.dropout(spread, 0.1, self.training) / spread.clamp_(max=5.0).sum(1, keepdim=True)

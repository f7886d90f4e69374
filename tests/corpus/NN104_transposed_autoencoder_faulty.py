import torch
from torch import nn
import torch.nn.functional as F


class TiedAutoencoder(nn.Module):
    def __init__(self, pixels=30, code=8):
        super().__init__()
        self.encode = nn.Linear(pixels, code)
        self.decode_weight = nn.Parameter(self.encode.weight.detach().t().clone())
        self.decode_bias = nn.Parameter(torch.zeros(pixels))

    def forward(self, x):
        code = torch.sigmoid(self.encode(x))
        return F.linear(code, self.decode_weight, self.decode_bias)

# checked: nninspect check NN403_mended.pt
"""The same, each unit with weights of its own."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
nn.init.kaiming_normal_(model[0].weight, nonlinearity="relu")
torch.save(model.state_dict(), "NN403_mended.pt")

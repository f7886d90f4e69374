# checked: nninspect check NN404_mended.pt
"""The head is trained as well."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 30))
with torch.no_grad():
    model[0].weight.copy_(torch.randn(64, 40) * 0.2)
    model[2].weight.copy_(torch.randn(30, 64) * 0.2)
torch.save(model.state_dict(), "NN404_mended.pt")

# checked: nninspect check NN404_faulty.pt
"""A trained body with a head as torch made it: the file of the head was never loaded."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 30))
with torch.no_grad():
    # Stands for training: the values are no longer uniform.
    model[0].weight.copy_(torch.randn(64, 40) * 0.2)
torch.save(model.state_dict(), "NN404_faulty.pt")

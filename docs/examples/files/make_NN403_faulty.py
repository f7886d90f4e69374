# checked: nninspect check NN403_faulty.pt
"""A layer that begins with one number everywhere: its units stay the same for ever."""

import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
nn.init.constant_(model[0].weight, 0.01)
torch.save(model.state_dict(), "NN403_faulty.pt")

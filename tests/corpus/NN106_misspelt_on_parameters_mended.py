from torch import nn

model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))
for parameter in model[0].parameters():
    parameter.requires_grad = False

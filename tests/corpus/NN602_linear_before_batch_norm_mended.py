from torch import nn

model = nn.Sequential(
    nn.Linear(16, 32, bias=False),
    nn.BatchNorm1d(32),
    nn.Tanh(),
    nn.Linear(32, 2),
)

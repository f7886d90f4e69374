from torch import nn


def mlp():
    norm = nn.BatchNorm1d(20)
    return nn.Sequential(
        nn.Linear(8, 20),
        norm,
        nn.ReLU(),
        nn.Linear(20, 20),
        norm,
        nn.ReLU(),
        nn.Linear(20, 3),
    )


model = mlp()

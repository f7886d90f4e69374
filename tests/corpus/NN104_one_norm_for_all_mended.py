from torch import nn


def mlp():
    return nn.Sequential(
        nn.Linear(8, 20),
        nn.BatchNorm1d(20),
        nn.ReLU(),
        nn.Linear(20, 20),
        nn.BatchNorm1d(20),
        nn.ReLU(),
        nn.Linear(20, 3),
    )


model = mlp()

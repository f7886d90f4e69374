from torch import nn
from torch.nn import functional as F


def make_classifier(features: int = 20, classes: int = 4) -> nn.Module:
    return nn.Sequential(
        nn.Linear(features, 32),
        nn.ReLU(),
        nn.Linear(32, classes),
        nn.Softmax(dim=-1),
    )


def step(model, x, y):
    return F.cross_entropy(model(x), y)


model = make_classifier()

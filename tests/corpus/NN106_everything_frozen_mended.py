from torch import nn


def build(classes=5):
    model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 10))
    for p in model.parameters():
        p.requires_grad = False
    model[2] = nn.Linear(32, classes)
    return model


net = build()

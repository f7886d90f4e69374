from torch import nn


def build(classes=5):
    model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 10))
    model[2] = nn.Linear(32, classes)
    for p in model.parameters():
        p.requires_grad = False
    return model


net = build()

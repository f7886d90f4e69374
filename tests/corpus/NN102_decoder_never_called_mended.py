from torch import nn


class AutoEncoder(nn.Module):
    def __init__(self, size=24, code=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, 12), nn.ReLU(), nn.Linear(12, code))
        self.decoder = nn.Sequential(nn.Linear(code, 12), nn.ReLU(), nn.Linear(12, size))

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code)

import torch
import torch.nn as nn


class SetClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(10, 32)
        layer = nn.TransformerEncoderLayer(d_model=32, nhead=4, dim_feedforward=64)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(32, 3)

    def forward(self, x):  # x: (batch, points, 10)
        z = self.encoder(self.proj(x))
        return self.head(z.mean(dim=1))


def main():
    x = torch.randn(8, 12, 10)
    print(SetClassifier()(x))


if __name__ == "__main__":
    main()

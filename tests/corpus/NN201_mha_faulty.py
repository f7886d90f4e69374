from torch import nn


class PatchAttention(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return self.head(x.mean(1))


if __name__ == "__main__":
    import torch

    PatchAttention()(torch.randn(2, 3, 32, 32))

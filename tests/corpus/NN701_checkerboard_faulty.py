import torch
import torch.nn as nn


class Generator(nn.Module):
    def __init__(self, nz=16, ngf=8):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 3, 2, 1, output_padding=1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, 3, 3, 2, 1, output_padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


if __name__ == "__main__":
    print(Generator()(torch.randn(4, 16, 1, 1)).shape)

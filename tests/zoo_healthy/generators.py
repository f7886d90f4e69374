"""Networks that make images, or compare them."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, latent=16):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()
        )
        self.mean = nn.Linear(32 * 7 * 7, latent)
        self.log_variance = nn.Linear(32 * 7 * 7, latent)
        self.project = nn.Linear(latent, 32 * 7 * 7)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1))

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean
        if self.training:
            z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(F.relu(self.project(z)).view(-1, 32, 7, 7)), mean, log_variance


def dcgan(module):
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    def __init__(self, latent=64, width=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, 4 * width, 4, 1, 0, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU(True),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip
        self.apply(dcgan)

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4 * width), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(4 * width, 1, 4, 1, 0, bias=False),
        )  # fmt: skip
        self.apply(dcgan)

    def forward(self, image):
        return self.main(image).flatten()


class DoubleConv(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        )  # fmt: skip


class UNet(nn.Module):
    def __init__(self, inputs=3, classes=4, width=16):
        super().__init__()
        self.down1, self.down2 = DoubleConv(inputs, width), DoubleConv(width, 2 * width)
        self.bottom = DoubleConv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.join2 = DoubleConv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.join1 = DoubleConv(2 * width, width)
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        c = self.join2(torch.cat([self.up2(c), b], 1))
        c = self.join1(torch.cat([self.up1(c), a], 1))
        return self.out(c)


class TimedBlock(nn.Module):
    def __init__(self, inputs, outputs, time):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(4, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, t):
        y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(t))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(y)))


class DiffusionUNet(nn.Module):
    def __init__(self, channels=3, width=32):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.down = TimedBlock(width, 2 * width, 4 * width)
        self.middle = TimedBlock(2 * width, 2 * width, 4 * width)
        self.up = TimedBlock(3 * width, width, 4 * width)
        self.norm = nn.GroupNorm(4, width)
        self.out = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, timestep):
        half = self.width // 2
        frequency = torch.exp(-math.log(10000) * torch.arange(half, device=x.device) / half)
        angle = timestep[:, None] * frequency
        t = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        a = self.stem(x)
        b = self.middle(self.down(F.avg_pool2d(a, 2), t), t)
        b = self.up(torch.cat([F.interpolate(b, scale_factor=2), a], 1), t)
        return self.out(F.silu(self.norm(b)))


class Siamese(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32),
            nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, width),
        )  # fmt: skip

    def forward(self, left, right):
        return F.normalize(self.trunk(left), dim=1), F.normalize(self.trunk(right), dim=1)


class Segmenter(nn.Module):
    def __init__(self, classes=6):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, 2, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 48, 3, 1, 2, dilation=2, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        )  # fmt: skip
        self.classifier = nn.Conv2d(48, classes, 1)

    def forward(self, image):
        out = self.classifier(self.body(image))
        return F.interpolate(out, size=image.shape[-2:], mode="bilinear", align_corners=False)


class Detector(nn.Module):
    def __init__(self, classes=5, anchors=3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        )  # fmt: skip
        self.tower = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
        self.scores = nn.Conv2d(64, anchors * classes, 3, padding=1)
        self.boxes = nn.Conv2d(64, anchors * 4, 3, padding=1)
        for layer in (self.tower[0], self.scores, self.boxes):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.scores.bias, -math.log(99))

    def forward(self, image):
        x = self.tower(self.body(image))
        return {"scores": self.scores(x), "boxes": self.boxes(x)}


class Autoencoder(nn.Module):
    def __init__(self, sizes=(784, 128, 64, 12)):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(), nn.Sequential()
        for a, b in itertools.pairwise(sizes):
            self.encoder.append(nn.Linear(a, b)).append(nn.ReLU())
        back = sizes[::-1]
        for a, b in itertools.pairwise(back):
            self.decoder.append(nn.Linear(a, b)).append(nn.ReLU())
        del self.encoder[-1], self.decoder[-1]

    def forward(self, x):
        return self.decoder(self.encoder(x))


class GraphConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adjacency):
        degree = adjacency.sum(-1, keepdim=True).clamp_min(1)
        return (adjacency @ (x @ self.weight)) / degree + self.bias


class GCN(nn.Module):
    def __init__(self, features=16, hidden=32, classes=7):
        super().__init__()
        self.first = GraphConvolution(features, hidden)
        self.second = GraphConvolution(hidden, classes)

    def forward(self, x, adjacency):
        x = F.dropout(F.relu(self.first(x, adjacency)), 0.5, self.training)
        return self.second(x, adjacency)


class PointNet(nn.Module):
    def __init__(self, classes=8):
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv1d(3, 32, 1, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 64, 1, bias=False),
            nn.BatchNorm1d(64), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, classes))

    def forward(self, points):
        return self.head(self.local(points.transpose(1, 2)).amax(2))


class DuelingQ(nn.Module):
    def __init__(self, observations=8, actions=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(observations, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.value, self.advantage = nn.Linear(64, 1), nn.Linear(64, actions)

    def forward(self, observation):
        h = self.body(observation)
        advantage = self.advantage(h)
        return self.value(h) + advantage - advantage.mean(-1, keepdim=True)

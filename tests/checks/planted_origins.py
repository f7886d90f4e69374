"""Networks that make NaN or Inf. The guilty line ends in ``# ORIGIN``; `where` is the path of the module it is in."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Planted(nn.Module):
    """A body and a head around what a subclass does."""

    where = ""
    backward = False

    def __init__(self, size=8):
        super().__init__()
        self.body = nn.Linear(6, size)
        self.head = nn.Linear(size, 3)


class LogOfNegative(Planted):
    def forward(self, x):
        h = self.body(x)
        h = torch.log(h)  # ORIGIN
        return self.head(h)


class SqrtInModule(Planted):
    where = "scale.inner"

    class Scale(nn.Module):
        class Inner(nn.Module):
            def forward(self, x):
                centred = x - x.mean(-1, keepdim=True)
                return centred.sqrt()  # ORIGIN

        def __init__(self):
            super().__init__()
            self.inner = self.Inner()

        def forward(self, x):
            return 2 * self.inner(x)

    def __init__(self):
        super().__init__()
        self.scale = self.Scale()

    def forward(self, x):
        return self.head(self.scale(self.body(x)))


class DivisionByZero(Planted):
    def forward(self, x):
        h = F.relu(self.body(x))
        count = (h > 100).sum(-1, keepdim=True)
        mean = h / count  # ORIGIN
        return self.head(mean)


class ZeroOverZero(Planted):
    where = "blocks.1"

    class Block(nn.Module):
        def __init__(self, broken):
            super().__init__()
            self.broken = broken

        def forward(self, x):
            shifted = x - x if self.broken else x
            norm = shifted.abs().sum(-1, keepdim=True) + (0 if self.broken else 1)
            return shifted / norm  # ORIGIN

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([self.Block(False), self.Block(True), self.Block(False)])

    def forward(self, x):
        h = self.body(x)
        for block in self.blocks:
            h = block(h)
        return self.head(h)


class Overflow(Planted):
    def forward(self, x):
        h = self.body(x) * 500
        h = h.exp()  # ORIGIN
        return self.head(h / (1 + h))


class AddingInPlace(Planted):
    def forward(self, x):
        h = self.body(x)
        h += 1
        h.log_()  # ORIGIN
        h -= 1
        return self.head(h)


class FullyMasked(Planted):
    where = "attention"

    class Attention(nn.Module):
        def forward(self, x):
            scores = x @ x.transpose(1, 2)
            mask = torch.full_like(scores, -math.inf).triu(0)
            scores = scores + mask
            return scores.softmax(-1) @ x  # ORIGIN

    def __init__(self):
        super().__init__()
        self.attention = self.Attention()

    def forward(self, x):
        return self.head(self.attention(self.body(x)[:, None].expand(-1, 4, -1)))


class Assigned(Planted):
    def forward(self, x):
        h = self.body(x)
        out = torch.empty_like(h)
        out[:, :4] = h[:, :4]
        out[:, 4:] = h[:, 4:].acos() * 1  # ORIGIN
        return self.head(out)


class Power(Planted):
    def forward(self, x):
        h = self.body(x) - 0.1
        return self.head(h**0.5)  # ORIGIN


class Half(Planted):
    def forward(self, x):
        h = self.body(x) * 1e6
        h = h.half()  # ORIGIN
        return self.head(h.float())


class Deviation(Planted):
    def forward(self, x):
        h = self.body(x)[:, :1]
        h = h.std(dim=1, keepdim=True)  # ORIGIN
        return self.head(h.expand(-1, 8))


class NegativeTemperature(Planted):
    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(-0.5))

    def forward(self, x):
        scale = torch.log(self.temperature)  # ORIGIN
        return self.head(self.body(x) * scale)


class InModuleOfTorch(Planted):
    where = "gate.1"

    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(nn.ReLU(), nn.Softmax(-1))

    def forward(self, x):
        h = self.body(x).masked_fill(torch.ones(8, dtype=torch.bool), float("-inf"))
        h = torch.where(h == float("-inf"), h, h)
        h = self.gate[1](h)  # ORIGIN
        return self.head(h)


class NormAtZero(Planted):
    backward = True

    def forward(self, x):
        h = self.body(x)
        h = h - h.detach()
        squares = (h * h).sum(-1, keepdim=True)
        length = squares.sqrt()  # ORIGIN
        return self.head(h + length)


class WhereHides(Planted):
    backward = True

    def forward(self, x):
        h = self.body(x)
        size = (h - h.detach()).abs()
        root = size.sqrt()  # ORIGIN
        return self.head(h + torch.where(size > 0, root, size))


class PowerOfZero(Planted):
    backward = True

    def forward(self, x):
        h = self.body(x)
        zero = h * 0.0
        return self.head(h + zero.abs().pow(0.3))  # ORIGIN


class AcosAtOne(Planted):
    backward = True

    def forward(self, x):
        h = self.body(x)
        cosine = F.cosine_similarity(h, h, dim=-1).clamp(-1, 1).round()
        angle = torch.acos(0 * h[:, 0] + cosine)  # ORIGIN
        return self.head(h + angle[:, None])


class InnerDistance(Planted):
    where = "distance"
    backward = True

    class Distance(nn.Module):
        def forward(self, a, b):
            difference = a - b
            return difference.square().sum(-1, keepdim=True).sqrt()  # ORIGIN

    def __init__(self):
        super().__init__()
        self.distance = self.Distance()

    def forward(self, x):
        h = self.body(x)
        return self.head(h + self.distance(h, h * 1.0))


class SafeDivision(Planted):
    backward = True

    def forward(self, x):
        h = self.body(x)
        zero = h * 0.0
        ratio = h / zero  # ORIGIN
        return self.head(torch.where(zero == 0, h, ratio))


class LogInLoss(Planted):
    where = "entropy"
    backward = True

    class Entropy(nn.Module):
        def forward(self, p):
            return -torch.special.xlogy(p, p).sum(-1, keepdim=True)  # ORIGIN

    def __init__(self):
        super().__init__()
        self.entropy = self.Entropy()

    def forward(self, x):
        h = self.body(x)
        p = (3000 * h).softmax(-1)
        return self.head(h + self.entropy(p))


PLANTED = [
    LogOfNegative, SqrtInModule, DivisionByZero, ZeroOverZero, Overflow, AddingInPlace, FullyMasked, Assigned, Power,
    Half, Deviation, NegativeTemperature, InModuleOfTorch, NormAtZero, WhereHides, PowerOfZero, AcosAtOne,
    InnerDistance, SafeDivision, LogInLoss,
]  # fmt: skip

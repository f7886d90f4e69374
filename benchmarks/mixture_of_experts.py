"""A mixture of experts on meta, of 100,000 modules and as many tensors; two experts of each layer run."""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

LAYERS = 60
EXPERTS = 416


class Expert(nn.Module):
    """A gated layer: three matrices and one bias."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 128, bias=False)
        self.up = nn.Linear(64, 128, bias=False)
        self.down = nn.Linear(128, 64)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    """Many experts, of which a router would choose two."""

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(experts))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.experts[0](x) + self.experts[1](x)


class MixtureOfExperts(nn.Module):
    """Layers in a row."""

    def __init__(self, layers: int = LAYERS, experts: int = EXPERTS) -> None:
        super().__init__()
        with torch.device("meta"):
            self.layers = nn.ModuleList(Layer(experts) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

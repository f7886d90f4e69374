"""Names that break markup, tables, expressions and screens."""

import torch
from torch import nn
from zoo_specimen import image, specimen

ODD_NAMES = (
    "[brackets]", "[bold red]", "[/]", "🙂", "层", "e\u0301", "block 0", " ", "0", "weight", "class", "None", "it's",
    'say "x"', "back\\slash", "new\nline", "tab\t", "bell\x07\x1b[31m", "\u202ereversed", "%s{}", "*?", "a" * 300,
)  # fmt: skip
"""Names of modules that torch accepts: all it asks is that they hold no dot and are not empty."""


@specimen(image(3, 4))
class OddNames(nn.Module):
    """One small layer under each odd name."""

    def __init__(self) -> None:
        super().__init__()
        for name in ODD_NAMES:
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for child in self.children():
            x = child(x)
        return x


@specimen(image(3, 4))
def odd_names_in_sequential() -> nn.Module:
    """Positions that are not positions: "1" stands first, "0" last."""
    net = nn.Sequential()
    for name in ("1", "module", "[0]", "0"):
        net.add_module(name, nn.Linear(4, 4))
    return net


@specimen(image(3, 4))
class OddParameterNames(nn.Module):
    """Parameters and buffers with odd names too, and a ModuleDict whose keys shadow its methods."""

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("a weight", nn.Parameter(torch.ones(4)))
        self.register_parameter("[x]", nn.Parameter(torch.ones(4)))
        self.register_buffer("running mean", torch.zeros(4))
        self.layers = nn.ModuleDict({"a.b".replace(".", " "): nn.Linear(4, 4), "if": nn.Linear(4, 4)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.get_buffer("running mean")) * self.get_parameter("a weight") * self.get_parameter("[x]")
        for layer in self.layers.values():
            x = layer(x)
        return x


@specimen(image(3, 4))
def very_deep() -> nn.Module:
    """Sixty levels, one in the other."""
    net: nn.Module = nn.Linear(4, 4)
    for _ in range(60):
        net = nn.Sequential(net)
    return net

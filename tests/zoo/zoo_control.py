"""Forwards that branch, fail, go around a module, or depend on modes and chance."""

import torch
import torch.nn.functional as F
from torch import nn
from zoo_specimen import image, specimen


@specimen(image(2, 3, 8, 8), raises=RuntimeError)
class RaisesInTheMiddle(nn.Module):
    """`stem` runs, `head.fit` raises, `after` is never reached."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Sequential()
        self.head.add_module("flatten", nn.Flatten())
        self.head.add_module("fit", nn.Linear(4 * 7 * 7, 10))
        self.after = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.head(F.relu(self.stem(x))))


@specimen(image(5, 4), raises=KeyError)
class RaisesItsOwn(nn.Module):
    """The exception comes from the user's code between two modules, not from torch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sizes: dict[int, int] = {}
        return self.second(self.first(x) * sizes[x.shape[1]])


@specimen(image(5, 4))
class CatchesItsOwn(nn.Module):
    """An error inside is caught, and the forward goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = nn.Linear(3, 4)
        self.right = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            x = self.wrong(x)
        except RuntimeError:
            x = x * 2
        return self.right(x)


@specimen(image(2, 3, 8, 8))
class FrozenBatchNorm(nn.Module):
    """Stays in eval mode when the rest trains."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.frozen = nn.BatchNorm2d(4)
        self.learning = nn.BatchNorm2d(4)

    def train(self, mode: bool = True) -> "FrozenBatchNorm":
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.learning(self.frozen(self.conv(x)))


@specimen(image(5, 4))
class NeverCalled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 4)
        self.unused = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


@specimen(image(5, 4))
class CalledThroughForward(nn.Module):
    """Hooks do not see `child.forward(x)`, though they see what the child calls."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.leaf = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leaf.forward(self.block.forward(x))


@specimen(image(2, 3, 8, 8))
class FunctionsBetween(nn.Module):
    """Functions, methods, operators, indexing, in-place ones and `out=`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu_(self.conv(x))
        x = torch.cat(x.chunk(2, dim=1)[::-1], dim=1)[:, :4]
        x += 1
        x = x * torch.mul(torch.ones(8), 2, out=torch.zeros(8))
        x = F.avg_pool2d(x, 8).flatten(1)
        return self.head(x) @ torch.eye(2)


@specimen(image(5, 4))
class DependsOnValues(nn.Module):
    """The number of steps is read from the data with `.item()`."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)
        self.last = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(1 + int(x.abs().sum().item()) % 3):
            x = self.step(x)
        return self.last(x)


@specimen(image(5, 4))
class DependsOnTruth(nn.Module):
    """A Python `if` on a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.positive = nn.Linear(4, 2)
        self.negative = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return self.positive(x)
        return self.negative(x)


@specimen(image(5, 4))
class DependsOnMode(nn.Module):
    """An auxiliary head that runs in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)
        self.auxiliary = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        x = self.body(x)
        return (self.head(x), self.auxiliary(x)) if self.training else self.head(x)


@specimen(image(5, 4))
class DrawsItsOwnNoise(nn.Module):
    """Uses the global random state in eval mode too, in its constructor and in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.rand(()).item() + 1
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x + torch.randn_like(x) * self.scale)


@specimen(image(5, 4))
class CountsItsCalls(nn.Module):
    """Writes to a buffer and to an attribute at every call: looking at it must leave no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.last_shape: tuple[int, ...] = ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last_shape = tuple(x.shape)
        return self.linear(x)


@specimen(image(5, 4))
class MakesTensors(nn.Module):
    """Makes tensors by itself, keeps a plain tensor as attribute, and passes a parameter as an argument."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.plain = torch.arange(4.0)
        self.norm = nn.LayerNorm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.linspace(0, 1, x.shape[1])
        return self.norm(x @ self.norm(self.weight) + positions + self.plain)


@specimen(image(5, 4))
class ChecksItsInput(nn.Module):
    """Asserts on shape and dtype, prints, and uses the number of examples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dim() == 2, "a batch of vectors"
        assert x.dtype == torch.float32
        print(f"a batch of {len(x)}: {tuple(x.shape)}")
        n, width = x.size()
        return self.linear(x).reshape(n // 1, 2, width // 2)

"""How a network enters the zoo: `@specimen(inputs…)` above a class that needs no arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Given:
    """One input tensor: what the command line calls an `--input`."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int | None = None
    """For integers: values in [0, below)."""

    @property
    def spec(self) -> str:
        """As typed after ``--input``."""
        shape = "x".join(map(str, self.shape)) or "()"
        if self.below is not None:
            return f"{shape}:{self.dtype}~range(0,{self.below})"
        return shape if self.dtype == "float32" else f"{shape}:{self.dtype}"

    def values(self) -> torch.Tensor:
        """A tensor of this kind, always the same."""
        generator = torch.Generator().manual_seed(0)
        dtype = getattr(torch, self.dtype)
        if self.below is not None:
            return torch.randint(0, self.below, self.shape, generator=generator).to(dtype)
        return torch.randn(self.shape, generator=generator).to(dtype)


@dataclass(frozen=True)
class Specimen:
    """A network with the inputs it takes."""

    name: str
    file: str
    build: Callable[[], nn.Module]
    inputs: tuple[Given, ...]
    """The positional inputs, where they are plain tensors."""
    other_arguments: Callable[[], tuple[Any, ...]] | None
    """Where they are not: the arguments themselves."""
    raises: type[BaseException] | None
    """What a run ends with; None where it succeeds."""

    @property
    def target(self) -> str:
        """As typed on the command line."""
        return f"{HERE / self.file}:{self.name}"

    @property
    def specs(self) -> list[str]:
        """The `--input`s; empty where the arguments are not plain tensors."""
        return [given.spec for given in self.inputs]

    def model(self) -> nn.Module:
        """The network in eval mode, always with the same weights; the random state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build().eval()

    def arguments(self) -> tuple[Any, ...]:
        """What to call the network with."""
        if self.other_arguments is not None:
            return self.other_arguments()
        return tuple(given.values() for given in self.inputs)


REGISTERED: dict[str, Specimen] = {}


def image(*shape: int) -> Given:
    """Floats of this shape."""
    return Given(shape)


def ids(*shape: int, below: int) -> Given:
    """Integers of this shape in [0, below)."""
    return Given(shape, "int64", below)


def specimen(
    *inputs: Given,
    arguments: Callable[[], tuple[Any, ...]] | None = None,
    raises: type[BaseException] | None = None,
) -> Callable[[Any], Any]:
    """Enter the class or function below, which builds the network without arguments, into the zoo."""

    def enter(build: Any) -> Any:
        file = Path(build.__code__.co_filename if hasattr(build, "__code__") else _file_of(build)).name
        # A file that the inspector imports a second time must not replace what the tests hold already.
        REGISTERED.setdefault(build.__name__, Specimen(build.__name__, file, build, inputs, arguments, raises))
        return build

    return enter


def _file_of(cls: type) -> str:
    return str(cls.forward.__code__.co_filename if "forward" in vars(cls) else cls.__init__.__code__.co_filename)

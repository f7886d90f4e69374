"""Torch functions as canonical operations: the table of readers, and how a call finds its own.

One entry for each family of functions. Functions are known by torch's own names for them (``conv2d``, ``add_``);
layers are never asked for their class.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch

from inspector.core.fields import Shape

Arguments = dict[str, Any]


class Reading:
    """A function call read as a canonical operation."""

    __slots__ = ("op", "operands", "settings", "weights")

    def __init__(
        self,
        op: str,
        operands: Sequence[Any],
        settings: Mapping[str, object] | None = None,
        weights: Sequence[Any] = (),
    ) -> None:
        self.op = op
        self.operands = operands
        self.settings = settings or {}
        self.weights = weights
        """Tensors read as a whole: constants, unless the model computes its weights from its input."""


Reader = Callable[[Arguments, list[Shape]], Reading]
"""(arguments by name, output shapes) to the operation."""
_READERS: dict[str, tuple[list[tuple[str, Any]], Reader]] = {}


def reads(functions: str, signature: str = "*operands") -> Callable[[Reader], Reader]:
    """Register a reader for functions that share a signature, written ``"input stride=1 mode=constant"``."""
    parameters = [_parameter(part) for part in signature.split()]

    def register(reader: Reader) -> Reader:
        for function in functions.split():
            _READERS[function] = (parameters, reader)
        return reader

    return register


def _parameter(text: str) -> tuple[str, Any]:
    name, _, default = text.partition("=")
    words = {"": None, "None": None, "True": True, "False": False}
    if default in words:
        return name, words[default]
    return name, int(default) if default.lstrip("-").isdigit() else default


def read_call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: list[Shape]) -> Reading | None:
    """Read a call of a torch function; None where there is no entry for it."""
    entry = _entry(function)
    arguments = arguments_of(function, args, kwargs)
    return None if entry is None or arguments is None else entry[1](arguments, outputs)


def arguments_of(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments | None:
    """A call's arguments by name, in the order in which the function takes them; None where there is no entry."""
    entry = _entry(function)
    if entry is None:
        return None
    parameters, _ = entry
    arguments: Arguments = {}
    for place, (name, default) in enumerate(parameters):
        if name.startswith("*"):
            arguments[name[1:]] = list(args[place:])
        elif place < len(args):
            arguments[name] = args[place]
        else:
            arguments[name] = kwargs.get(name, default)
            if place == 0 and arguments[name] is None:
                arguments[name] = kwargs.get("self", kwargs.get("x"))
    arguments["kwargs"] = kwargs
    return arguments


def reader_of(function: Any) -> Reader | None:
    """What reads the calls of a torch function; None where there is no entry for it."""
    entry = _entry(function)
    return None if entry is None else entry[1]


@cache
def canonical_name(function: Any) -> str:
    """``conv2d`` for `torch.conv2d`, ``add`` for ``x += y``, ``x.T`` for the property."""
    name: str = getattr(function, "__name__", None) or str(function)
    if name in ("__get__", "__set__"):
        return f"x.{getattr(getattr(function, '__self__', None), '__name__', '')}"
    if function is torch.Tensor.unfold:
        return "x.unfold"
    if isinstance(function, torch._ops.OpOverload | torch._ops.OpOverloadPacket):
        name, _, namespace = name.partition(".")[0], "", str(function).partition(".")[0]
        if namespace != "aten":
            return f"{namespace}::{name}"
    name = name.strip("_") if name.startswith("__") else name.removesuffix("_")
    return name.removesuffix("_with_indices")


@cache
def _entry(function: Any) -> tuple[list[tuple[str, Any]], Reader] | None:
    name = canonical_name(function)
    if name in _READERS:
        return _READERS[name]
    name = name.lstrip("_")
    if name not in _READERS and name[:1] in ("r", "i") and str(getattr(function, "__name__", "")).startswith("__"):
        name = name[1:]
    return _READERS.get(name)


def each(value: Any, count: int) -> list[int]:
    """One integer for each of `count` dimensions."""
    if isinstance(value, list | tuple | torch.Size):
        numbers = [int(part) for part in value]
        return numbers * count if len(numbers) == 1 else numbers
    return [int(value)] * count


def rank_of(tensor: torch.Tensor) -> int:
    """How many dimensions a tensor has."""
    return len(tensor.shape)


def dims_of(value: Any) -> list[int]:
    """Dimensions given as one integer, a sequence, or a list of either."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [dim for part in value for dim in dims_of(part)]
    return [int(value)]

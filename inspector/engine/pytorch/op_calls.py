"""Torch functions as canonical operations: the table of readers, and how a call finds its own.

One entry for each family of functions. Functions are known by torch's own names for them (``conv2d``, ``add_``);
layers are never asked for their class.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import torch

from inspector.core.fields import Shape
from inspector.engine.pytorch.nested import tensors_in

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
_Entry = tuple[dict[str, Any], str | None, Reader]
"""The parameters in order with their defaults, what takes the other arguments if anything does, and the reader."""
_READERS: dict[str, _Entry] = {}


def reads(functions: str, signature: str = "*operands") -> Callable[[Reader], Reader]:
    """Register a reader for functions that share a signature, written ``"input stride=1 mode=constant"``."""
    names = signature.split()
    rest = names.pop()[1:] if names[-1].startswith("*") else None
    defaults = dict(_parameter(part) for part in names)

    def register(reader: Reader) -> Reader:
        for function in functions.split():
            _READERS[function] = (defaults, rest, reader)
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
    return None if entry is None or arguments is None else entry[-1](arguments, outputs)


class Returned:
    """A call of a function that has returned: what it was given and came to, read once for all who want to know."""

    __slots__ = ("_reading", "args", "func", "kwargs", "name", "operands", "outputs", "result", "shapes")

    def __init__(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None, result: Any) -> None:
        self.func = func
        self.args = args
        self.kwargs: Mapping[str, Any] = kwargs or {}
        self.result = result
        self.name = canonical_name(func)
        self.operands = list(tensors_in((args, kwargs) if kwargs else args))
        self.outputs = [args[0]] if self.name == "setitem" else list(tensors_in(result))
        self.shapes: list[Shape] = [tuple(output.shape) for output in self.outputs if not output.is_nested]
        self._reading: Reading | Literal["unread"] | None = "unread"

    @property
    def reading(self) -> Reading | None:
        """The call as a canonical operation; raises whatever comes up where its arguments are not as expected."""
        if self._reading == "unread":
            self._reading = read_call(self.func, self.args, self.kwargs, self.shapes)
        return self._reading


def arguments_of(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments | None:
    """A call's arguments by name, in the order in which the function takes them; None where there is no entry."""
    entry = _entry(function)
    if entry is None:
        return None
    defaults, rest, _ = entry
    arguments: Arguments = dict(defaults)
    arguments.update(zip(defaults, args, strict=False))
    if rest is not None:
        arguments[rest] = list(args[len(defaults) :])
    if kwargs:
        arguments.update({name: value for name, value in kwargs.items() if name in defaults})
    if not args and defaults:
        first = next(iter(defaults))
        if arguments[first] is None:
            arguments[first] = kwargs.get("self", kwargs.get("x"))
    arguments["kwargs"] = kwargs
    return arguments


def reader_of(function: Any) -> Reader | None:
    """What reads the calls of a torch function; None where there is no entry for it."""
    entry = _entry(function)
    return None if entry is None else entry[-1]


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
def _entry(function: Any) -> _Entry | None:
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

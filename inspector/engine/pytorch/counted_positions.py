"""Positions counted by ``torch.arange`` keep their range where nothing else has values: a table may be too short.

The most frequent limit on the length of a text stands in a table of positions, which on meta accepts any index.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch

from inspector.engine.pytorch.op_calls import canonical_name

_ATTRIBUTE = "_counted_positions"
_KEEPING = {
    "unsqueeze", "expand", "expand_as", "view", "view_as", "reshape", "flatten", "repeat", "to", "long", "int",
    "contiguous", "clone", "detach", "t", "x.T",
}  # fmt: skip
"""Functions whose result holds every value of their first argument."""


class _Span:
    """What a tensor and its views count; forgotten by all of them once something is written into one."""

    __slots__ = ("ends",)

    def __init__(self, ends: tuple[int, int] | None) -> None:
        self.ends = ends


def refuse_positions_beyond(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise what an embedding does on values where counted positions go beyond its table."""
    if _role(func) != "table":
        return
    given = args[0] if args else kwargs.get("input")
    table = args[1] if len(args) > 1 else kwargs.get("weight")
    span = counted_span(given)
    if span is not None and isinstance(table, torch.Tensor) and not 0 <= span[0] <= span[1] < table.shape[0]:
        raise IndexError("index out of range in self")


def note_positions(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Keep, with the result of a call, which positions it counts; forget those of what it wrote into."""
    role = _role(func)
    first = args[0] if args else None
    span = first.__dict__.get(_ATTRIBUTE) if isinstance(first, torch.Tensor) else None
    if role == "count":
        span = _Span(_counted(args, kwargs))
    elif span is not None and (role == "write" or (result is first and role != "keep")):
        span.ends = None
        return
    elif span is None or role not in ("keep", "item", "shift") or (role == "item" and not _takes_all(args[1])):
        return
    elif role == "shift":
        by = args[1] if len(args) == 2 and not kwargs and type(args[1]) is int else None
        span = _Span(None if by is None or span.ends is None else (span.ends[0] + by, span.ends[1] + by))
    if isinstance(result, torch.Tensor) and not any(isinstance(value, torch.dtype) for value in args):
        result.__dict__[_ATTRIBUTE] = span


@cache
def _role(func: Any) -> str | None:
    name = canonical_name(func)
    if name in _KEEPING:
        return "keep"
    return _ROLES.get(name)


_ROLES = {
    "arange": "count", "embedding": "table", "add": "shift", "radd": "shift", "getitem": "item", "setitem": "write",
}  # fmt: skip


def _takes_all(index: Any) -> bool:
    """Whether an index only adds axes, as ``x[None, :]`` does."""
    items = index if isinstance(index, tuple) else (index,)
    return all(item is None or item is Ellipsis or (type(item) is slice and item == slice(None)) for item in items)


def _counted(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, int] | None:
    numbers = [*args, *(kwargs[name] for name in ("start", "end", "step") if name in kwargs)]
    if not 1 <= len(numbers) <= 3 or any(type(number) is not int for number in numbers):
        return None
    values = range(*numbers)
    return (min(values), max(values)) if values else None


def counted_span(value: Any) -> tuple[int, int] | None:
    """The least and the largest of the positions that a tensor counts; None where it is not known to count any."""
    span = value.__dict__.get(_ATTRIBUTE) if isinstance(value, torch.Tensor) else None
    return None if span is None else span.ends

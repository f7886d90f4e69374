"""Follows which input each tensor of a pass came from, axis by axis.

Rough on purpose: an axis keeps its identity through what only moves, adds or drops axes, and through whatever leaves
its size alone. What is lost is found out by trying.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from inspector.core.table import ReceptiveField
from inspector.engine.pytorch.inputs.wants import INSERTED, MIXED, Origin, Want
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Returned

_ATTRIBUTE = "_came_from"
_SAME_VALUES = {
    "to", "float", "double", "half", "long", "int", "type", "type_as", "contiguous", "clone", "detach", "cuda", "cpu",
    "view", "reshape", "flatten", "permute", "transpose", "unsqueeze", "squeeze", "t", "x.T", "x.mT", "getitem",
    "expand", "repeat", "expand_as", "unflatten", "movedim", "swapaxes", "alias", "narrow", "select", "chunk", "split",
    "unbind", "x.data", "requires_grad", "bfloat16", "dropout", "identity", "stack", "cat", "concat",
}  # fmt: skip
Axes = tuple[int, ...]
Note = Callable[[Any, Sequence[Any], Mapping[str, Any], "OriginTracker", str], list[Want]]
"""Of a call and the path of the module that made it."""


class OriginTracker:
    """Told of every call of a pass; `noticed` has what calls that succeeded would rather have taken."""

    def __init__(self, names: list[str], inputs: list[torch.Tensor], notice: Note) -> None:
        self._notice = notice
        self.noticed: list[Want] = []
        self.ranks = {name: tensor.ndim for name, tensor in zip(names, inputs, strict=False)}
        """Of the inputs, by their names."""
        for name, tensor in zip(names, inputs, strict=False):
            self._put(tensor, (Origin(name=name, axes=tuple(range(tensor.ndim)), same_values=True),))

    def observe(self, call: Returned, path: str) -> None:
        """Take note of a call. Never raises."""
        outputs, operands = list(tensors_in(call.result)), call.operands
        came = [(tensor, self.origins_of(tensor)) for tensor in operands]
        if not any(origins for _, origins in came):
            for output in outputs:
                if not any(output is operand for operand in operands):
                    self._put(output, ())
            return
        try:
            self.noticed += self._notice(call.func, call.args, call.kwargs, self, path)
            for output in outputs:
                if not any(output is operand for operand in operands):
                    self._put(output, _through(call.name, call.args, call.kwargs, came, output))
        except Exception:  # an unusual call must not end the pass
            return

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """No receptive fields here."""
        return None

    def origins_of(self, tensor: torch.Tensor) -> tuple[Origin, ...]:
        """The inputs that a tensor was made from."""
        owner, origins = tensor.__dict__.get(_ATTRIBUTE, (None, ()))
        return origins if owner is self else ()

    def _put(self, tensor: torch.Tensor, origins: tuple[Origin, ...]) -> None:
        if origins:
            tensor.__dict__[_ATTRIBUTE] = (self, origins)
        else:
            tensor.__dict__.pop(_ATTRIBUTE, None)


def _through(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    came: list[tuple[torch.Tensor, tuple[Origin, ...]]],
    output: torch.Tensor,
) -> tuple[Origin, ...]:
    """The origins of an output of the function `name`."""
    found: dict[str, Origin] = {}
    for tensor, origins in came:
        places = _places(name, args, kwargs, tuple(tensor.shape), tuple(output.shape))
        for origin in origins:
            axes = tuple(origin.axes[place] if place >= 0 else place for place in places)
            same = origin.same_values and name in _SAME_VALUES
            before = found.get(origin.name)
            if before is not None:
                both = zip(before.axes, axes, strict=True)
                axes = tuple(one if one == other or other < 0 else other if one < 0 else MIXED for one, other in both)
                same = same and before.same_values
            found[origin.name] = Origin(name=origin.name, axes=axes, same_values=same)
    return tuple(found.values())


def _places(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], before: Axes, after: Axes) -> Axes:
    """For each axis of the output the operand's axis that it is, INSERTED or MIXED."""
    rule = _RULES.get(name)
    if rule is not None:
        places = rule(before, after, args[1:], kwargs)
        if places is not None and len(places) == len(after):
            return places
    # Axes of the same size, from the last one: as in broadcasting.
    offset = len(after) - len(before)
    return tuple(
        place - offset if place >= offset and before[place - offset] == size else MIXED
        for place, size in enumerate(after)
    )


Rule = Callable[[Axes, Axes, Sequence[Any], Mapping[str, Any]], Axes | None]


def _numbers(values: Sequence[Any]) -> list[int]:
    flat = values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values
    return [int(value) for value in flat]


def _permuted(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    return tuple(number % len(before) for number in _numbers(rest or [kwargs["dims"]]))


def _swapped(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    one, other = (
        number % len(before)
        for number in [*rest, *(kwargs[key] for key in ("dim0", "dim1", "axis0", "axis1") if key in kwargs)]
    )
    places = list(range(len(before)))
    places[one], places[other] = other, one
    return tuple(places)


def _reversed(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    return tuple(reversed(range(len(before))))


def _last_two(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    return (*range(len(before) - 2), len(before) - 1, len(before) - 2)


def _unsqueezed(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    at = int(rest[0] if rest else kwargs["dim"]) % len(after)
    places = list(range(len(before)))
    return (*places[:at], INSERTED, *places[at:])


def _squeezed(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes | None:
    kept = [place for place, size in enumerate(before) if size != 1]
    if len(kept) == len(after):
        return tuple(kept)
    if rest or "dim" in kwargs:
        dropped = int(rest[0] if rest else kwargs["dim"]) % len(before)
        return tuple(place for place in range(len(before)) if place != dropped)
    return None


def _viewed(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    """Axes that are the same from the front, and those from the back; sizes of 1 put in; the rest is mixed."""
    front = 0
    while front < min(len(before), len(after)) and before[front] == after[front]:
        front += 1
    back = 0
    while back < min(len(before), len(after)) - front and before[-1 - back] == after[-1 - back]:
        back += 1
    middle = after[front : len(after) - back]
    old = before[front : len(before) - back]
    if not old and all(size == 1 for size in middle):
        inner = tuple(INSERTED for _ in middle)
    else:
        inner = tuple(MIXED for _ in middle)
    return (*range(front), *inner, *(len(before) - back + place for place in range(back)))


def _indexed(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes | None:
    items = rest[0] if isinstance(rest[0], tuple) else (rest[0],)
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    places: list[int] = []
    at = 0
    for item in items:
        if item is None:
            places.append(INSERTED)
        elif item is Ellipsis:
            places += range(at, at + len(before) - used)
            at += len(before) - used
        elif isinstance(item, slice):
            places.append(at if len(places) < len(after) and after[len(places)] == before[at] else MIXED)
            at += 1
        elif isinstance(item, int):
            at += 1
        else:
            return None
    return (*places, *range(at, len(before)))


def _joined(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes | None:
    dim = rest[0] if rest else kwargs.get("dim", kwargs.get("axis", 0))
    if not isinstance(dim, int) or len(before) != len(after):
        return None
    return tuple(MIXED if place == dim % len(after) else place for place in range(len(after)))


def _stacked(before: Axes, after: Axes, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> Axes:
    at = int(rest[0] if rest else kwargs.get("dim", 0)) % len(after)
    return (*range(at), INSERTED, *range(at, len(before)))


_RULES: dict[str, Rule] = {
    "permute": _permuted, "transpose": _swapped, "swapaxes": _swapped, "swapdims": _swapped, "t": _reversed,
    "x.T": _reversed, "x.mT": _last_two, "unsqueeze": _unsqueezed, "squeeze": _squeezed, "view": _viewed,
    "reshape": _viewed, "flatten": _viewed, "unflatten": _viewed, "getitem": _indexed, "cat": _joined,
    "concat": _joined, "stack": _stacked,
}  # fmt: skip

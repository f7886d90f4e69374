"""Operations that take parts of a tensor, or put tensors together."""

from collections.abc import Sequence
from typing import cast

from inspector.core.edges import NOTHING, fixed, listing, window
from inspector.core.field_rules.pointwise import placed
from inspector.core.field_rules.registry import Fields, integer, rule
from inspector.core.fields import Field, InputAxis, OpCall, Seen, Shape, Sight, Unknown, Whole, merged, plain, unknown

IndexItem = tuple[int, int] | int | None
"""What one entry of ``x[…]`` does: (start, step) of a slice, a position, or None for a new dimension."""


def sliced(seen: Seen, size: int, start: int, step: int, length: int, dim: int) -> Seen:
    """Positions ``start, start + step, …`` of an axis along a dimension of `size`, now at `dim`."""
    if start == 0 and step == 1 and length == size:
        return placed(seen, dim)
    edges = window(plain(seen, size).edges, length, 1, step, -start, 1)
    return Seen(edges=edges, dim=dim, length=length, cropped=True)


def selected(seen: Seen, size: int, position: int) -> Seen:
    """One position of an axis; the dimension is gone."""
    interval = seen.edges.at(position % size // seen.inner % seen.length)
    return Seen(edges=fixed(interval, seen.edges.exact), dim=None, length=1, cropped=seen.cropped or size > 1)


@rule("slice")
def slicing(call: OpCall) -> Fields:
    """Basic indexing: "items" has one `IndexItem` for each input dimension (and for each new one), none left out."""
    shape, field = call.inputs[0]
    items = cast(Sequence[IndexItem], call.settings["items"])
    places: list[tuple[IndexItem, int]] = []
    made = 0
    for item in items:
        if item is not None:
            places.append((item, made))
        made += not isinstance(item, int)

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        item, dim = places[seen.dim]
        if isinstance(item, tuple):
            return sliced(seen, shape[seen.dim], item[0], item[1], call.output_shapes[0][dim], dim)
        return selected(seen, shape[seen.dim], cast(int, item))

    return [field.each(step) if field else None]


@rule("split")
def splitting(call: OpCall) -> Fields:
    """Consecutive parts along "dim", one for each output; with "unbind" one position each and the dimension gone."""
    shape, field = call.inputs[0]
    if field is None:
        return [None] * len(call.output_shapes)
    dim, unbind = integer(call, "dim") % len(shape), bool(call.settings.get("unbind"))
    fields: Fields = []
    start = 0
    for output in call.output_shapes:
        length = 1 if unbind else output[dim]
        fields.append(field.each(_Part(dim, shape[dim], start, length, unbind)))
        start += length
    return fields


class _Part:
    def __init__(self, dim: int, size: int, start: int, length: int, unbind: bool) -> None:
        self._dim, self._size, self._start, self._length, self._unbind = dim, size, start, length, unbind

    def __call__(self, seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        if seen.dim != self._dim:
            return placed(seen, seen.dim - (self._unbind and seen.dim > self._dim))
        if self._unbind:
            return selected(seen, self._size, self._start)
        return sliced(seen, self._size, self._start, 1, self._length, self._dim)


@rule("gather")
def gathering(call: OpCall) -> Fields:
    """Positions along "dim" named by the second input, which takes the place of the dimension (``x[:, index]``).

    "index_rank": dimensions that the index brings; 0 where it is one for one, as in torch.gather. Which positions is
    not known: unknown along that dimension. A table looked up by the model's input sees what the index sees.
    """
    shape, field = call.inputs[0]
    index_field = call.inputs[1][1] if len(call.inputs) > 1 else None
    dim = integer(call, "dim") % max(len(shape), 1)
    rank = integer(call, "index_rank", 1)
    name = str(call.settings.get("name", "gather"))
    if index_field is not None and field is not None:
        return [unknown((field, index_field), name)] * len(call.output_shapes)
    if index_field is not None:
        moved = index_field.each(lambda seen: seen if seen.dim is None or not rank else placed(seen, seen.dim + dim))
        return [moved] * len(call.output_shapes)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < dim:
            return seen
        return Unknown(operation=name) if seen.dim == dim else placed(seen, seen.dim + (rank - 1 if rank else 0))

    return [field.each(step) if field else None] * len(call.output_shapes)


@rule("cat")
def concatenation(call: OpCall) -> Fields:
    """One after the other along "dim"; axes along other dimensions meet position by position."""
    dim = integer(call, "dim") % len(call.output_shapes[0])
    parts = [(shape, field) for shape, field in call.inputs if len(shape) == len(call.output_shapes[0])]
    axes: dict[InputAxis, Sight] = {}
    for axis in sorted({axis for _, field in parts if field for axis in field.axes}):
        sights = [(shape[dim], field.axes.get(axis) if field else None) for shape, field in parts]
        axes[axis] = _joined(sights, axis, dim, call.path)
    return [Field(axes=axes) if axes else None]


def _joined(sights: list[tuple[int, Sight | None]], axis: InputAxis, dim: int, path: str) -> Sight:
    present = [sight for _, sight in sights if sight is not None]
    along = [sight for sight in present if isinstance(sight, Seen) and sight.dim == dim]
    if not along or not all(isinstance(sight, Seen) for sight in present):
        if any(sight.local for sight in present if isinstance(sight, Whole)):
            present = [_without_local_along(sight, dim) for sight in present]
        together = merged([Field(axes={axis: sight}) for sight in present], path)
        assert together is not None
        return together.axes[axis]
    intervals: list[tuple[int, int]] = []
    for size, sight in sights:
        if not isinstance(sight, Seen):
            intervals += [NOTHING] * size
        elif sight.dim is None:
            intervals += [sight.edges.at(0)] * size
        elif sight.dim == dim:
            intervals += [sight.edges.at(u // sight.inner % sight.length) for u in range(size)]
        else:
            return Whole(via=path, local=sight)
    exact = all(sight.edges.exact for sight in present if isinstance(sight, Seen))
    cropped = all(sight.cropped for sight in along)
    return Seen(edges=listing(intervals, exact), dim=dim, length=len(intervals), cropped=cropped)


def _without_local_along(sight: Sight, dim: int) -> Sight:
    if isinstance(sight, Whole) and sight.local is not None and sight.local.dim == dim:
        return Whole(via=sight.via)
    return sight


@rule("stack")
def stacking(call: OpCall) -> Fields:
    """Side by side along a new dimension "dim"."""
    dim = integer(call, "dim") % len(call.output_shapes[0])

    def step(seen: Seen) -> Sight:
        return seen if seen.dim is None or seen.dim < dim else placed(seen, seen.dim + 1)

    return [merged([field.each(step) if field else None for _, field in call.inputs], call.path)]


@rule("assign")
def assignment(call: OpCall) -> Fields:
    """``x[…] = value``: the first input is ``x``, the second the value, "items" as for "slice".

    A value is followed where it fills whole dimensions; elsewhere what it saw becomes unknown.
    """
    (shape, field), (value_shape, value) = call.inputs[0], call.inputs[1]
    items = cast(Sequence[IndexItem] | None, call.settings.get("items"))
    if value is None:
        return [field]
    if items is None:
        return [merged([field, unknown([value], "indexed assignment")], call.path)]
    return [merged([field, value.each(_assigned(shape, value_shape, items))], call.path)]


def _assigned(shape: Shape, value_shape: Shape, items: Sequence[IndexItem]) -> "_Assigned":
    targets: list[int | None] = []
    dim = 0
    for item in items:
        if item is None:
            targets.append(None)
            continue
        if isinstance(item, tuple):
            targets.append(dim if item == (0, 1) else None)
        dim += 1
    return _Assigned(shape, value_shape, targets)


class _Assigned:
    def __init__(self, shape: Shape, value_shape: Shape, targets: list[int | None]) -> None:
        self._shape, self._value_shape, self._targets = shape, value_shape, targets

    def __call__(self, seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        place = seen.dim + len(self._targets) - len(self._value_shape)
        target = self._targets[place] if 0 <= place < len(self._targets) else None
        if target is not None and self._shape[target] == self._value_shape[seen.dim]:
            return placed(seen, target)
        return Unknown(operation="indexed assignment")

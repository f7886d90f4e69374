"""Operations that take parts of a tensor, or put tensors together."""

from collections.abc import Sequence
from typing import cast

from inspector.core.edges import NOTHING, bound, fixed, listing, transposed_window, window
from inspector.core.field_rules.pointwise import placed
from inspector.core.field_rules.registry import Fields, integer, rule
from inspector.core.fields import Field, InputAxis, OpCall, Shape, aligned_together, merged, unknown
from inspector.core.sights import Seen, Sight, Unknown, Whole, local_of, mixed, plain

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


@rule("sample")
def sampling(call: OpCall) -> Fields:
    """grid_sample: the first input read wherever the second one, the grid, says.

    Where that is, only the values tell: unknown along the sampled dimensions, of which each position may read any.
    """
    (_, field), (grid_shape, grid) = call.inputs[0], call.inputs[1]
    name = str(call.settings.get("name", "grid_sample"))
    last = len(grid_shape) - 1

    def read(seen: Seen) -> Sight:
        return Unknown(operation=name) if seen.dim is not None and seen.dim >= 2 else seen

    def aimed(seen: Seen) -> Sight:
        if seen.dim == last:
            return mixed(seen, call.path)
        return seen if not seen.dim else placed(seen, seen.dim + 1)

    return [merged([field.each(read) if field else None, grid.each(aimed) if grid else None], call.path)]


@rule("cat")
def concatenation(call: OpCall) -> Fields:
    """One after the other along "dim"; axes along other dimensions meet position by position."""
    dim = integer(call, "dim") % len(call.output_shapes[0])
    inputs = [(shape, field.settled() if field else None) for shape, field in call.inputs]
    parts = [(shape, field) for shape, field in inputs if len(shape) == len(call.output_shapes[0])]
    axes: dict[InputAxis, Sight] = {}
    misaligned: dict[InputAxis, str] = {}
    for axis in sorted({axis for _, field in parts if field for axis in field.axes}):
        sights = [(shape[dim], field.axes.get(axis) if field else None) for shape, field in parts]
        axes[axis] = _joined(sights, axis, dim, call.path, misaligned)
    for _, field in parts:
        misaligned = {**misaligned, **field.misaligned} if field and field.misaligned else misaligned
    return [Field(axes=axes, misaligned=misaligned) if axes else None]


def _joined(
    sights: list[tuple[int, Sight | None]], axis: InputAxis, dim: int, path: str, misaligned: dict[InputAxis, str]
) -> Sight:
    present = [sight for _, sight in sights if sight is not None]
    first = present[0]
    if all(type(sight) is Whole and sight.local is None and not sight.wraps for sight in present):
        return first
    if len(present) == len(sights) and type(first) is Seen and first.dim != dim and all(s is first for s in present):
        return first
    beside = [(size, one.local) for size, one in sights if isinstance(one, Whole) and one.local and not one.wraps]
    if isinstance(first, Whole) and len(beside) == len(sights) and any(local.dim == dim for _, local in beside):
        return Whole(via=first.via, local=local_of(_joined([*beside], axis, dim, path, misaligned)))
    single = all(size == 1 for size, _ in sights)
    along = [s for s in present if isinstance(s, Seen) and (s.dim == dim or (single and s.dim is None))]
    if not along or not all(isinstance(sight, Seen) for sight in present):
        if any(sight.local for sight in present if isinstance(sight, Whole)):
            present = [_without_local_along(sight, dim) for sight in present]
        aligned = aligned_together(present)
        if aligned is not None:
            return aligned
        together = merged([Field(axes={axis: sight}) for sight in present], path)
        assert together is not None
        misaligned.update(together.misaligned)
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
        return Whole(via=sight.via, wraps=sight.wraps)
    return sight


@rule("stack")
def stacking(call: OpCall) -> Fields:
    """Side by side along a new dimension "dim"; one position each of an axis makes the axis anew."""
    dim = integer(call, "dim") % len(call.output_shapes[0])

    def step(seen: Seen) -> Sight:
        return seen if seen.dim is None or seen.dim < dim else placed(seen, seen.dim + 1)

    parts = [field.each(step).settled() if field else None for _, field in call.inputs]
    together = merged(parts, call.path)
    if together is None:
        return [None]
    axes = dict(together.axes)
    for axis in axes:
        sights = [part.axes.get(axis) if part else None for part in parts]
        seen = [sight for sight in sights if isinstance(sight, Seen) and sight.dim is None]
        if len(seen) == len([sight for sight in sights if sight is not None]) and any(one != seen[0] for one in seen):
            intervals = [sight.edges.at(0) if isinstance(sight, Seen) else NOTHING for sight in sights]
            edges = listing(intervals, all(one.edges.exact for one in seen))
            axes[axis] = Seen(edges=edges, dim=dim, length=len(intervals), cropped=True)
    return [Field(axes=axes, misaligned=together.misaligned)]


@rule("assign")
def assignment(call: OpCall) -> Fields:
    """``x[…] = value``: the first input is ``x``, the second the value, "items" as for "slice"."""
    (shape, field), (value_shape, value) = call.inputs[0], call.inputs[1]
    items = cast(Sequence[IndexItem] | None, call.settings.get("items"))
    if value is None:
        return [field]
    if items is None:
        return [merged([field, unknown([value], "indexed assignment")], call.path)]
    axes = {
        axis: _assigned(sight, shape, value_shape, items, overlaid=field is not None and axis in field.axes)
        for axis, sight in value.settled().axes.items()
    }
    return [merged([field, Field(axes=axes, misaligned=value.misaligned)], call.path)]


def _assigned(sight: Sight, shape: Shape, value_shape: Shape, items: Sequence[IndexItem], overlaid: bool) -> Sight:
    targets: list[tuple[int, int, int] | None] = []
    """For each dimension of ``x[…]``, as the value has them: dimension, start, step; None for a new one."""
    dim = 0
    for item in items:
        if isinstance(item, tuple):
            targets.append((dim, *item))
        elif item is None:
            targets.append(None)
        dim += item is not None

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        place = seen.dim + len(targets) - len(value_shape)
        target = targets[place] if 0 <= place < len(targets) else None
        size = value_shape[seen.dim]
        if target is None or size == 1:
            return Seen(edges=fixed(seen.edges.at(0), seen.edges.exact), dim=None, length=1, cropped=seen.cropped)
        dim, start, stride = target
        if size == shape[dim]:
            return placed(seen, dim)
        # Beyond the part that is assigned, positions see what would stand there; nothing, where it is all padding.
        edges = transposed_window(plain(seen, size).edges, shape[dim], 1, stride, -start, 1)
        covers = start < stride and start + stride * size >= shape[dim]
        return Seen(
            edges=edges if covers or not overlaid else bound(edges), dim=dim, length=shape[dim], cropped=seen.cropped
        )

    return Field(axes={(0, 0): sight}).each(step).axes[0, 0]

"""What a tensor sees of the model's inputs: one entry for each input axis that it depends on.

A field rides on each tensor of a pass. The operations' rules (`inspector.core.field_rules`) carry it from inputs to
outputs; `TrackedInputs` starts it and reads the receptive field off it. A tensor without a field is a constant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm

from msgspec import structs

from inspector.core.alignment import misalignment
from inspector.core.edges import IDENTITY, LONGEST, Edges, union
from inspector.core.picking_tables import joined, settled, through
from inspector.core.record import Record
from inspector.core.sights import Picked, Seen, Sight, Unknown, Whole, local_of, plain
from inspector.core.table import FieldAxis, FieldStatus, Number, ReceptiveField

InputAxis = tuple[int, int]
"""Number of the input, and its axis."""
Shape = tuple[int, ...]


class Field(Record, frozen=True, kw_only=True):
    """What one tensor sees; input axes that are not listed cannot be seen from it."""

    axes: dict[InputAxis, Sight]
    misaligned: Mapping[InputAxis, str] = {}
    """By input axis, how the first branches that met were out of step."""

    def each(self, step: Callable[[Seen], Sight]) -> "Field":
        """Apply one operation's `step` to every axis that is seen position by position, also beside `Whole`."""
        return Field(
            axes={axis: _stepped(sight, step) for axis, sight in self.axes.items()}, misaligned=self.misaligned
        )

    def settled(self) -> "Field":
        """Without tables of picked positions, for what puts positions one behind the other."""
        return Field(axes={axis: settled(sight) for axis, sight in self.axes.items()}, misaligned=self.misaligned)


def _stepped(sight: Sight, step: Callable[[Seen], Sight]) -> Sight:
    if isinstance(sight, Seen):
        return step(sight)
    if isinstance(sight, Picked):
        return through(sight, step)
    if isinstance(sight, Unknown) or sight.local is None:
        return sight
    local = settled(step(sight.local))
    if sight.wraps and isinstance(local, Whole):
        return local
    return Whole(via=sight.via, local=local_of(local), wraps=sight.wraps)


def unknown(fields: Iterable[Field | None], operation: str) -> Field | None:
    """All that the inputs saw, through an operation without a rule; None where no input sees anything."""
    axes = {axis for field in fields if field is not None for axis in field.axes}
    return Field(axes={axis: Unknown(operation=operation) for axis in sorted(axes)}) if axes else None


def merged(fields: Iterable[Field | None], path: str) -> Field | None:
    """What a position of several aligned tensors sees together; None where all are constants."""
    result: Field | None = None
    for field in fields:
        if result is None or field is None or field is result:
            result = result if field is None else field
            continue
        axes = dict(result.axes)
        misaligned = {**field.misaligned, **result.misaligned} if field.misaligned else result.misaligned
        for axis, sight in field.axes.items():
            former = axes.setdefault(axis, sight)
            if former is sight or former == sight:
                continue
            if axis not in misaligned and (found := _out_of_step(local_of(former), local_of(sight), path)):
                misaligned = {**misaligned, axis: found}
            axes[axis] = _together(former, sight, path)
        result = Field(axes=axes, misaligned=misaligned)
    return result


def aligned_together(sights: Sequence[Sight]) -> Seen | None:
    """What many positions see together where all have one stride and one centre, as most do; None elsewhere."""
    first = sights[0]
    if not isinstance(first, Seen) or first.edges.listed or len(first.edges.lo) != 1:
        return None
    alike = (first.dim, first.inner, first.length, first.edges.shift)
    low, high, exact, cropped = first.edges.lo[0], first.edges.hi[0], True, True
    centre = low + high
    for sight in sights:
        if not isinstance(sight, Seen) or (sight.dim, sight.inner, sight.length, sight.edges.shift) != alike:
            return None
        edges = sight.edges
        if edges.listed or len(edges.lo) != 1 or edges.lo[0] + edges.hi[0] != centre or edges.lo > edges.hi:
            return None
        low, high = min(low, edges.lo[0]), max(high, edges.hi[0])
        exact, cropped = exact and edges.exact, cropped and sight.cropped
    edges = Edges(lo=(low,), hi=(high,), shift=first.edges.shift, exact=exact)
    return Seen(edges=edges, dim=first.dim, length=first.length, inner=first.inner, cropped=cropped)


def _out_of_step(first: Seen | None, second: Seen | None, path: str) -> str | None:
    if first is None or second is None or first.dim is None or second.dim is None:
        return None
    same_place = (first.dim, first.inner, first.length) == (second.dim, second.inner, second.length)
    return misalignment(first.edges, second.edges, path) if same_place else None


def _together(first: Sight, second: Sight, path: str) -> Sight:
    table = joined(first, second, path) if isinstance(first, Picked) and isinstance(second, Picked) else None
    if table is not None:
        return table
    first, second = settled(first), settled(second)
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        # Whatever the other one saw: together with the whole axis it is the whole axis.
        whole = first if isinstance(first, Whole) else second if isinstance(second, Whole) else None
        unsure = first if isinstance(first, Unknown) else second
        return Whole(via=whole.via) if whole and not whole.wraps else unsure
    if isinstance(first, Seen) and isinstance(second, Seen):
        return _seen_together(first, second, path)
    wholes = [sight for sight in (first, second) if isinstance(sight, Whole)]
    wraps = all(sight.wraps for sight in wholes)
    via = next(sight.via for sight in wholes if sight.wraps == wraps)
    present = [local for local in (local_of(first), local_of(second)) if local is not None]
    if len(present) < 2:
        return Whole(via=via, local=present[0] if present else None, wraps=wraps)
    both = _seen_together(present[0], present[1], path)
    return both if wraps and isinstance(both, Whole) else Whole(via=via, local=local_of(both), wraps=wraps)


def _seen_together(first: Seen, second: Seen, path: str) -> Seen | Whole:
    if first.dim is None:
        first, second = second, first
    if second.dim is None or (first.dim, first.inner, first.length) == (second.dim, second.inner, second.length):
        edges = union(first.edges, second.edges, first.length)
        return Seen(
            edges=edges,
            dim=first.dim,
            length=first.length,
            inner=first.inner,
            cropped=first.cropped and second.cropped,
        )
    positions = lcm(first.inner * first.length, second.inner * second.length)
    if first.dim == second.dim and positions <= LONGEST:
        return _seen_together(plain(first, positions), plain(second, positions), path)
    return Whole(via=path, local=first)


class TrackedInputs:
    """The model's inputs: where fields start, and which of their axes are spatial.

    Spatial are the axes along which the first window (convolution, pooling, recurrence) slides. Until one does: the
    axes behind batch and channel of an image or a volume, axis 1 of a sequence of vectors or of integer ids. A batch
    of vectors has none.
    """

    def __init__(self, shapes: Sequence[Shape], floating: Sequence[bool]) -> None:
        self._shapes = [tuple(shape) for shape in shapes]
        self._floating = list(floating)
        self._spatial: dict[int, list[int]] = {}

    def seed(self, number: int) -> Field:
        """The field of an input itself: each position sees itself."""
        return Field(
            axes={
                (number, axis): Seen(edges=IDENTITY, dim=axis, length=size)
                for axis, size in enumerate(self._shapes[number])
            }
        )

    def meet_window(self, field: Field | None, dims: Iterable[int]) -> None:
        """A window slides along `dims` of a tensor: the input axes there are spatial, if it is the first window."""
        if field is None:
            return
        windowed = set(dims)
        found: dict[int, list[int]] = {}
        for (number, axis), sight in field.axes.items():
            seen = local_of(settled(sight))
            if number not in self._spatial and seen is not None and seen.dim in windowed:
                found.setdefault(number, []).append(axis)
        for number, axes in found.items():
            self._spatial[number] = sorted(axes)

    def spatial_axes(self, number: int) -> list[int]:
        """The axes that the receptive field of an input is told for."""
        if number in self._spatial:
            return self._spatial[number]
        rank = len(self._shapes[number])
        if rank >= 4 and self._floating[number]:
            return list(range(2, rank))
        return [1] if rank == (3 if self._floating[number] else 2) else []

    def receptive_field(self, field: Field | None) -> ReceptiveField | None:
        """What is told of a field: of the first input with spatial axes that it depends on; None without one.

        Sizes count the pixels beyond the border that padding stands for, so they hold away from the border. Branches
        with different strides, parts joined along a spatial axis, and units out of step with each other are told as an
        upper bound: an interval that holds what each unit sees.
        """
        if field is None:
            return None
        for number in sorted({number for number, _ in field.axes}):
            axes = self.spatial_axes(number)
            sights = [settled(field.axes[number, axis]) for axis in axes if (number, axis) in field.axes]
            if sights and len(sights) == len(axes):
                told = _told(sights, [self._shapes[number][axis] for axis in axes], number)
                misaligned = [field.misaligned[number, axis] for axis in axes if (number, axis) in field.misaligned]
                return structs.replace(told, misaligned=misaligned[0]) if misaligned else told
        return None


def _told(sights: list[Sight], lengths: list[int], number: int) -> ReceptiveField:
    for sight in sights:
        if isinstance(sight, Unknown):
            return ReceptiveField(status="unknown", via=sight.operation, input=number)
    pairs = list(zip(sights, lengths, strict=True))
    whole = [sight for sight in sights if isinstance(sight, Whole)]
    seen = [sight for sight in sights if isinstance(sight, Seen)]
    exact = all(_is_exact(sight.edges, sight.length, size) for sight, size in pairs if isinstance(sight, Seen))
    numbers = [
        _numbers(sight.edges, sight.length, exact) if isinstance(sight, Seen) else (size, 0, 0) for sight, size in pairs
    ]
    local = [local_of(sight) for sight in sights] if whole else []
    sizes = [one.edges.size(one.length) for one in local if one is not None]
    return ReceptiveField(
        status=_status(whole, seen, exact),
        via=whole[0].via if whole else None,
        size=[size for size, _, _ in numbers],
        stride=[stride for _, stride, _ in numbers],
        start=[start for _, _, start in numbers],
        wraps=any(sight.wraps for sight in whole),
        local_size=sizes if whole and len(sizes) == len(sights) and all(sizes) else None,
        input=number,
        axes=[_axis(sight, length) for sight, length in zip(sights, lengths, strict=True)],
    )


def _axis(sight: Sight, pixels: int) -> FieldAxis:
    seen, whole = local_of(sight), isinstance(sight, Whole)
    if seen is None:
        return FieldAxis(pixels=pixels, units=1, whole=whole)
    units = 1 if seen.dim is None else seen.length
    first, last, shift = seen.edges.told(units)
    return FieldAxis(
        pixels=pixels,
        units=units,
        dim=seen.dim,
        inner=seen.inner,
        whole=whole,
        exact=seen.edges.exact and bool(first),
        first=first,
        last=last,
        shift=shift,
    )


def _status(whole: list[Whole], seen: list[Seen], exact: bool) -> FieldStatus:
    """Beside a whole axis nothing is exact: pixels at its end that no window reaches are counted in it."""
    if any(sight.wraps for sight in whole) or (whole and seen):
        return "upper_bound"
    return "whole_input" if whole else "exact" if exact else "upper_bound"


@lru_cache(4096)
def _is_exact(edges: Edges, length: int, pixels: int) -> bool:
    """Whether start, stride and size hold what each unit sees, and no more than the largest of them sees.

    The largest has to be one that the border does not cut: not so where units differ and only those by it are large.
    """
    if not edges.exact or edges.reach(length) != edges.size(length):
        return False
    if edges.listed:
        return _cut_by_the_border(edges, length, pixels)
    return len(edges.lo) == 1 or edges.size_inside(length, pixels) in (None, edges.size(length))


def _cut_by_the_border(edges: Edges, length: int, pixels: int) -> bool:
    """Whether each position sees what the border leaves of an interval of one size: start, stride and size tell it."""
    size, stride, start = edges.size(length), edges.stride, edges.start(length)
    if stride.denominator != 1 or start.denominator != 1 or len(edges.lo) != length:
        return False
    told = (int(start + u * stride) for u in range(length))
    return all(
        (max(low, 0), min(low + size, pixels)) == (max(first, 0), min(last + 1, pixels))
        for low, first, last in zip(told, edges.lo, edges.hi, strict=True)
    )


@lru_cache(4096)
def _numbers(edges: Edges, length: int, exact: bool) -> tuple[int, Number, Number]:
    size = edges.size(length) if exact else edges.reach(length)
    return size, _number(edges.stride), _number(edges.start(length))


def _number(value: Fraction) -> Number:
    return value.numerator if value.denominator == 1 else float(value)


class OpCall(Record, frozen=True, kw_only=True):
    """One operation of a pass, as its rule sees it: no tensors, only shapes, fields and settings."""

    op: str
    """Canonical name: "conv", "pool", … (see `inspector.core.field_rules`)."""
    inputs: list[tuple[Shape, Field | None]]
    output_shapes: list[Shape]
    settings: Mapping[str, object] = {}
    path: str = ""

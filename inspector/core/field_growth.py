"""How receptive fields grow from layer to layer, and from where on more context is impossible."""

from collections.abc import Iterable
from dataclasses import dataclass

from inspector.core.field_axes import sees_everything
from inspector.core.table import Row


@dataclass(frozen=True)
class Step:
    """One layer's field along the axis."""

    row: Row
    size: int | None
    """Of its windows; None where all that is known is that it sees the whole axis."""
    whole: bool
    """An operation mixed the whole axis."""
    bound: bool
    """No unit sees more, but they may see less."""


@dataclass(frozen=True)
class Growth:
    """The fields of layers in the order of their calls, along the longest axis of one input."""

    axis: int
    axes: int
    """How many axes the input has."""
    pixels: int
    """Of the input along the axis."""
    steps: list[Step]
    reaching: Step | None
    """The first whose field is as large as the input: behind it, units in the middle see no more of it."""
    everything: Step | None
    """The first where every unit's field covers the whole input: what is computed from it cannot see more."""


def growth(rows: Iterable[Row], number: int) -> Growth | None:
    """The growth of fields on the model's input of that number; None where no row has one.

    Modules that hold others are left out: their fields are those of what they called last.
    """
    told = [row for row in rows if row.subtree == 1 and _known(row, number)]
    fields = [row.receptive_field for row in told if row.receptive_field]
    if not fields:
        return None
    lengths = [axis.pixels for axis in fields[0].axes]
    axis = max(range(len(lengths)), key=lambda one: lengths[one])
    steps = [_step(row, axis) for row in told]
    pixels = lengths[axis]
    large = [step for step in steps if step.whole or (step.size or 0) >= pixels]
    return Growth(
        axis=axis,
        axes=len(lengths),
        pixels=pixels,
        steps=steps,
        reaching=large[0] if large else None,
        everything=next((step for step in large if _everything(step.row)), None),
    )


def _known(row: Row, number: int) -> bool:
    field = row.receptive_field
    return field is not None and field.status != "unknown" and field.input == number and bool(field.axes)


def _step(row: Row, axis: int) -> Step:
    field = row.receptive_field
    assert field is not None
    along = field.axes[axis]
    size: int | None = field.size[axis]
    if along.whole:
        ends = zip(along.first, along.last, strict=True)
        size = max((last - first + 1 for first, last in ends), default=0) or None
    return Step(row=row, size=size, whole=along.whole, bound=field.status == "upper_bound")


def _everything(row: Row) -> bool:
    return row.receptive_field is not None and sees_everything(row.receptive_field)

"""Pictures of a tensor's values: which planes of it they show, and what each of their cells says.

A plane is two axes of a tensor at one index of the others. A heat map is one plane; the kernels of a convolution are
many, its first axis down and its second across.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.tensor_index import parse_index

Kind = Literal["heat map", "kernels"]
KERNEL_AXES = (3, 4, 5)
"""Axes of the weight of a convolution along one, two and three axes."""
MOST_CELLS = 1 << 16
"""Cells of all planes of a picture, more than any screen holds."""


class PictureSettings(Record, frozen=True, kw_only=True):
    """Which picture of a tensor's values is wanted."""

    key: str
    index: str = ""
    """As people write it, ``[0, :, 3:5]``; see `inspector.core.tensor_index`."""
    kind: Kind = "heat map"
    first: tuple[int, int] = (0, 0)
    """The first plane shown, counted down and across; see `Planes`."""
    planes: tuple[int, int] = (1, 1)
    """Planes shown down and across."""
    block: tuple[int, int] = (1, 1)
    """Rows and columns of elements in a cell."""


class ValuePicture(Record, frozen=True, kw_only=True):
    """Planes of a tensor in cells that fit a screen."""

    dtype: str
    cells: list[list[list[list[float | None]]]]
    """By plane down, plane across, row and column: of the cell's elements the one furthest from 0.

    None where one of them is not finite. A complex element counts by its absolute value.
    """
    low: float | None
    """The smallest finite element looked at; None where there is none."""
    high: float | None
    """The largest."""
    step: tuple[int, int] = (1, 1)
    """Of the rows and columns in a cell each so many-th was looked at; (1, 1) where all were."""


@dataclass(frozen=True, kw_only=True)
class Planes:
    """A tensor, or a slice of it, cut into planes."""

    chosen: tuple[range, ...]
    """The indices looked at on each axis."""
    down: tuple[int, ...]
    """The axes that are counted through from one plane to that below it."""
    across: tuple[int, ...]
    """The axes that are counted through from one plane to that at its right."""
    rows: int | None
    """The axis of a plane's rows; None where a plane is a single row."""
    columns: int

    @property
    def counts(self) -> tuple[int, int]:
        """Planes down and across."""
        return self._count(self.down), self._count(self.across)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        return 1 if self.rows is None else len(self.chosen[self.rows]), len(self.chosen[self.columns])

    @property
    def elements(self) -> int:
        """Elements of all planes."""
        return prod(self.counts) * prod(self.size)

    def index(self, down: int, across: int) -> list[int]:
        """Where a plane's first element lies in the tensor."""
        at = [indices[0] for indices in self.chosen]
        for axes, number in ((self.down, down), (self.across, across)):
            for axis in reversed(axes):
                number, place = divmod(number, len(self.chosen[axis]))
                at[axis] = self.chosen[axis][place]
        return at

    def _count(self, axes: Sequence[int]) -> int:
        return prod(len(self.chosen[axis]) for axis in axes)


def planes_of(shape: list[int], index: str, kind: Kind, key: str) -> Planes:
    """The planes of a tensor for one kind of picture.

    A heat map's are the last two axes that the index leaves as ranges. Kernels keep all axes: an index such as 3 is a
    range of one. Raises RequestError where the index does not fit, or the tensor has no such picture.
    """
    parts = parse_index(index, shape, key)
    chosen = tuple(
        range(part.start, part.stop, part.step) if isinstance(part, slice) else range(part, part + 1) for part in parts
    )
    if kind == "kernels":
        why_not = no_kernels(shape, key)
        if why_not:
            raise RequestError(why_not)
        last = len(shape) - 1
        rows = last - 1 if last > 2 else None
        across = tuple(range(1, last if rows is None else rows))
        return Planes(chosen=chosen, down=(0,), across=across, rows=rows, columns=last)
    spread = [axis for axis, part in enumerate(parts) if isinstance(part, slice)]
    if not spread:
        raise RequestError(f"a single element of {key} has no picture; leave an axis open, for example [:]")
    return Planes(
        chosen=chosen,
        down=tuple(spread[:-2]),
        across=(),
        rows=spread[-2] if len(spread) > 1 else None,
        columns=spread[-1],
    )


def no_kernels(shape: list[int], key: str) -> str:
    """Why a tensor has no kernels, as one sentence; "" where it may have."""
    if len(shape) in KERNEL_AXES:
        return ""
    return f"{key} has {len(shape)} {'axis' if len(shape) == 1 else 'axes'}; kernels have 3, 4 or 5"


def cells_along(elements: int, block: int) -> int:
    """Cells for so many elements of a row or column, so many in each but the last."""
    return ceil(elements / block)

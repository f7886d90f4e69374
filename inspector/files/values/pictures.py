"""A tensor's values as pictures: planes of it reduced to cells, however large the tensor is."""

from collections.abc import Callable, Sequence
from math import inf, isfinite, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from inspector.core.errors import RequestError
from inspector.core.value_pictures import MOST_CELLS, PictureSettings, Planes, ValuePicture, cells_along, planes_of
from inspector.files.values.reading import Array
from inspector.files.values.statistics import plain

MOST_ELEMENTS = 1 << 22
"""Elements that a picture looks at; of larger planes it looks at every so many-th row and column."""
MOST_BYTES = 1 << 26
"""Bytes of memory that those lie on, in whole pages: what is read of a file."""
PAGE = 4096
FEWEST_ROWS = 4
"""Rows of a cell that are looked at before columns are left out too: whole rows are read faster than their parts."""

Positions = npt.NDArray[np.intp]
Plane = tuple[int | slice | None, ...]
"""An index that takes a plane of two axes out of a tensor."""
Take = Callable[[Plane, Positions, Positions], Array]
"""Takes the elements of a plane at some of its rows and some of its columns."""


def picture_of_array(array: Array, wanted: PictureSettings, dtype: str) -> ValuePicture:
    """The picture of an array's values; only the elements that it shows are touched. See `picture`."""

    def take(plane: Plane, rows: Positions, columns: Positions) -> Array:
        taken: Array = array[plane][np.ix_(rows, columns)]
        return taken

    return picture(wanted, list(array.shape), array.strides, dtype, take)


def picture(wanted: PictureSettings, shape: list[int], strides: Sequence[int], dtype: str, take: Take) -> ValuePicture:
    """Planes of a tensor of this shape and these strides, in bytes, whose elements `take` gives.

    Bounded in time and memory by MOST_ELEMENTS and MOST_BYTES. Raises RequestError where there is no such picture.
    """
    planes = planes_of(shape, wanted.index, wanted.kind, wanted.key)
    cells = [cells_along(size, block) for size, block in zip(planes.size, wanted.block, strict=True)]
    shown = [_shown(planes, wanted, way) for way in (0, 1)]
    if prod(cells) * prod(map(len, shown)) > MOST_CELLS:
        raise RequestError(f"a picture of {wanted.key} has at most {MOST_CELLS:,} cells; ask for larger blocks")
    if not planes.elements:
        return ValuePicture(dtype=dtype, cells=[], low=None, high=None)
    steps = _steps(planes, wanted.block, prod(map(len, shown)), strides)
    (rows, row_starts), (columns, column_starts) = (
        _positions(size, block, step) for size, block, step in zip(planes.size, wanted.block, steps, strict=True)
    )
    low, high = inf, -inf
    drawn: list[list[list[list[float | None]]]] = []
    for down in shown[0]:
        drawn.append([])
        for across in shown[1]:
            values = plain(take(_plane(planes, down, across), rows, columns)).astype(np.float64)
            finite = values[np.isfinite(values)]
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            drawn[-1].append(_furthest(values, row_starts, column_starts))
    return ValuePicture(
        dtype=dtype,
        cells=drawn,
        low=low if isfinite(low) else None,
        high=high if isfinite(high) else None,
        step=steps,
    )


def _shown(planes: Planes, wanted: PictureSettings, way: int) -> range:
    """The planes that are shown, down or across."""
    first = max(0, wanted.first[way])
    return range(first, min(first + wanted.planes[way], planes.counts[way]))


def _plane(planes: Planes, down: int, across: int) -> Plane:
    index: list[int | slice | None] = list(planes.index(down, across))
    for axis in (planes.rows, planes.columns):
        if axis is not None:
            chosen = planes.chosen[axis]
            index[axis] = slice(chosen.start, chosen.stop, chosen.step)
    if planes.rows is None:
        index.insert(planes.columns, None)
    return tuple(index)


def scattered(wanted: PictureSettings, shape: list[int], strides: Sequence[int]) -> bool:
    """Whether neighbours in a row of the picture lie on different pages, by strides in bytes."""
    planes = planes_of(shape, wanted.index, wanted.kind, wanted.key)
    return strides[planes.columns] * planes.chosen[planes.columns].step >= PAGE


def _steps(planes: Planes, block: tuple[int, int], number: int, strides: Sequence[int]) -> tuple[int, int]:
    """Which rows and columns of each cell of so many planes are looked at, so that it does not take too long."""
    height, width = planes.size
    apart = abs(strides[planes.columns]) * planes.chosen[planes.columns].step
    below = abs(strides[planes.rows]) * planes.chosen[planes.rows].step if planes.rows is not None else 0
    down = across = 1

    def too_much() -> bool:
        rows, columns = -(-height // down), -(-width // across)
        touched = min(height * below + width * apart, rows * min(width * apart + PAGE, columns * PAGE))
        return number * rows * columns > MOST_ELEMENTS or number * touched > MOST_BYTES

    tall, wide = block
    while too_much() and (down < tall or across < wide):
        if down < tall and (tall // down > FEWEST_ROWS or across >= wide):
            down = min(tall, 2 * down)
        else:
            across = min(wide, 2 * across)
    return down, across


def _positions(size: int, block: int, step: int) -> tuple[Positions, Positions]:
    """What is looked at along an axis, and where in that each cell begins."""
    of_cells = [np.arange(start, min(start + block, size), step, dtype=np.intp) for start in range(0, size, block)]
    starts = np.cumsum([0, *(len(one) for one in of_cells[:-1])], dtype=np.intp)
    return np.concatenate(of_cells), starts


def _furthest(values: npt.NDArray[np.float64], rows: Positions, columns: Positions) -> list[list[Any]]:
    """Of each cell's values the one furthest from 0, or of two the positive one; None where not all are finite."""
    # Both propagate NaN.
    most = np.maximum.reduceat(np.maximum.reduceat(values, rows, axis=0), columns, axis=1)
    least = np.minimum.reduceat(np.minimum.reduceat(values, rows, axis=0), columns, axis=1)
    furthest = np.where(most >= -least, most, least).astype(object)
    furthest[~(np.isfinite(most) & np.isfinite(least))] = None
    cells: list[list[Any]] = furthest.tolist()
    return cells

"""Where the planes of a tensor lie on the screen: how many fit, how large a cell is, which index stands beside it.

Counted in dots, which are about square: half a character's height where there are colours, else two characters' width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil

from inspector.core.value_pictures import Kind, PictureSettings, Planes, cells_along

LARGEST = 6
"""Dots that a cell is high and wide at most."""
LINES_OF_TEXT = 6
"""Lines that the text takes above and below a picture."""
BESIDE = 36
"""Cells that the text takes beside a picture."""
LEAST_APART = 4
"""Lines between the numbers of a heat map's rows, where each line has other rows."""


@dataclass(frozen=True)
class Dots:
    """How characters are divided."""

    in_line: int
    """Dots one above another in a line: 2 for half blocks."""
    width: int
    """Characters that a dot is wide."""


HALF_BLOCKS, CHARACTERS = Dots(2, 1), Dots(1, 2)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Planes laid out, those from `first` on."""

    planes: Planes
    kind: Kind
    dots: Dots
    first: tuple[int, int]
    shown: tuple[int, int]
    """Planes down and across."""
    block: tuple[int, int]
    """Rows and columns of elements in a cell."""
    scale: tuple[int, int]
    """Dots that a cell is high and wide."""
    pitch: tuple[int, int]
    """Dots from one plane to the next, down and across."""
    beside: bool
    """The text stands beside the picture, not above and below it."""

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells in a plane."""
        (rows, columns), (high, wide) = self.planes.size, self.block
        return cells_along(rows, high), cells_along(columns, wide)

    @property
    def area(self) -> tuple[int, int]:
        """Dots that the picture is high and wide."""
        high, wide = (
            (number - 1) * pitch + cells * scale
            for number, pitch, cells, scale in zip(self.shown, self.pitch, self.cells, self.scale, strict=True)
        )
        return high, wide

    @property
    def gutter(self) -> int:
        """Characters left of the picture, for the indices of its rows."""
        return max(map(len, self.sides().values()), default=-1) + 1

    def settings(self, key: str, index: str) -> PictureSettings:
        """What to ask for."""
        return PictureSettings(
            key=key, index=index, kind=self.kind, first=self.first, planes=self.shown, block=self.block
        )

    def sides(self) -> dict[int, str]:
        """The indices to write left of some lines, by line."""
        labels = self.labels(0)
        least = self.dots.in_line * (1 if self.kind == "kernels" or self._tall else LEAST_APART)
        return {dot // self.dots.in_line: text for dot, text in _apart(labels, least)}

    def heads(self) -> str:
        """The line of indices above the picture."""
        labels, wide = self.labels(1), self.dots.width
        longest = max((len(text) for _, text in labels), default=0)
        line = ""
        for dot, text in _apart(labels, ceil((longest + 1) / wide)):
            if not line or dot * wide + len(text) <= self.area[1] * wide:
                line = line.ljust(dot * wide) + text
        return line

    @property
    def _tall(self) -> bool:
        """Each row of cells has a line of its own."""
        return self.scale[0] >= self.dots.in_line

    def labels(self, way: int) -> list[tuple[int, str]]:
        """The dot at which each plane or, in a heat map, each cell begins, and its index; down or across."""
        if self.kind == "kernels":
            axes = (self.planes.down, self.planes.across)[way]
            at = [0, 0]
            labels = []
            for number in range(self.shown[way]):
                at[way] = self.first[way] + number
                index = self.planes.index(*at)
                labels.append((number * self.pitch[way], "·".join(str(index[axis]) for axis in axes)))
            return labels
        axis = (self.planes.rows, self.planes.columns)[way]
        if axis is None:
            return []
        indices = self.planes.chosen[axis]
        return [(cell * self.scale[way], str(indices[cell * self.block[way]])) for cell in range(self.cells[way])]


def _apart(labels: Sequence[tuple[int, str]], least: int) -> Sequence[tuple[int, str]]:
    """Of labels at equal distances so many-th that they are at least so many dots apart."""
    distance = labels[1][0] - labels[0][0] if len(labels) > 1 else least
    return labels[:: max(1, ceil(least / distance))]


def lay_out(planes: Planes, kind: Kind, first: tuple[int, int], room: tuple[int, int], dots: Dots) -> Layout | None:
    """As much of the planes as fits `room`, lines and characters, with the text beside or around it; None if nothing.

    `first` is moved so that what fits is not left empty.
    """
    lines, width = room
    place = partial(_placed, planes, kind, first, dots)
    found = [
        place((lines - LINES_OF_TEXT - 1, width), False),
        place((lines - 1, width - BESIDE), True),
    ]
    return max((one for one in found if one is not None), key=_worth, default=None)


def _worth(layout: Layout) -> tuple[int, int]:
    """Elements that are told apart, then dots."""
    rows, columns = layout.cells
    return layout.shown[0] * layout.shown[1] * rows * columns, layout.area[0] * layout.area[1]


def _placed(
    planes: Planes, kind: Kind, first: tuple[int, int], dots: Dots, room: tuple[int, int], beside: bool
) -> Layout | None:
    """The layout in so many lines and characters without the text; None where they are too few."""
    gutter = 1 + max(len(str(indices[-1])) for indices in planes.chosen if indices)
    high, wide = room[0] * dots.in_line, (room[1] - gutter) // dots.width
    if high < 1 or wide < 1:
        return None
    make = partial(Layout, planes=planes, kind=kind, dots=dots, beside=beside)
    rows, columns = planes.size
    block = (ceil(rows / high), ceil(columns / wide))
    cells = (cells_along(rows, block[0]), cells_along(columns, block[1]))
    if kind == "heat map":
        # A single row is one line of the screen, and a row of several dots begins with a line.
        down = min(dots.in_line if rows == 1 else LARGEST, high // cells[0])
        down -= down % dots.in_line if down > dots.in_line else 0
        number = min(first[0], planes.counts[0] - 1)
        scale = (down, min(LARGEST, wide // cells[1]))
        return make(first=(number, 0), shown=(1, 1), block=block, scale=scale, pitch=(0, 0))
    return _gallery(planes, first, (high, wide), cells, lambda **found: make(block=block, **found))


def _gallery(
    planes: Planes, first: tuple[int, int], room: tuple[int, int], cells: tuple[int, int], make: Callable[..., Layout]
) -> Layout:
    """Kernels as large as they can be with all of them on the screen, else as many as there is room for."""
    gap = 0 if cells == (1, 1) else 1
    for size in range(LARGEST, 0, -1):
        pitch = (_even(cells[0] * size + gap) if gap else size, cells[1] * size + gap)
        fitting = [
            max(1, (most + step - count * size) // step) for most, step, count in zip(room, pitch, cells, strict=True)
        ]
        one_fits = all(count * size <= most for most, count in zip(room, cells, strict=True))
        if size == 1 or (one_fits and all(fits >= count for fits, count in zip(fitting, planes.counts, strict=True))):
            break
    shown = _least(fitting, planes.counts)
    begin = _least(first, [count - fits for count, fits in zip(planes.counts, shown, strict=True)])
    return make(first=begin, shown=shown, scale=(size, size), pitch=pitch)


def _even(dots: int) -> int:
    """Rounded up, so that each plane begins with a line."""
    return dots + dots % 2


def _least(one: Sequence[int], other: Sequence[int]) -> tuple[int, int]:
    return min(one[0], other[0]), min(one[1], other[1])

"""An output unit's receptive field on a grid of cells that stands for the input, two cells to a character's height.

Half blocks (``▀ ▄``) make a character two square cells. An input larger than the grid has several pixels in a cell,
which belongs to the field where any of them does; one that is smaller has several cells for each pixel.
"""

from dataclasses import dataclass
from enum import Enum

from inspector.core.field_axes import Interval, inside, shown_windows
from inspector.core.table import ReceptiveField

LEAST_CELLS = 8
"""Cells that a short axis gets beside a long one, where it has as many pixels."""


class Mark(Enum):
    """What a cell shows."""

    REST = "not seen"
    WHOLE = "seen, since an operation mixes the whole input"
    FIELD = "seen"


@dataclass(frozen=True)
class Ruler:
    """One axis of the input laid on cells."""

    pixels: int
    cells: int

    def pixels_of(self, cell: int) -> range:
        """The pixels that a cell stands for; where a pixel has several cells, each of them stands for it."""
        first = cell * self.pixels // self.cells
        return range(first, max(first + 1, (cell + 1) * self.pixels // self.cells))

    def cells_of(self, interval: Interval | None) -> range:
        """The cells with any pixel of an interval that lies in the image."""
        if interval is None:
            return range(0)
        first, last = interval
        # Cells that share no pixel: the last of `first` is its first where several pixels share one.
        start = first * self.cells // self.pixels if self.cells > self.pixels else self._last_cell(first)
        return range(start, self._last_cell(last) + 1)

    def _last_cell(self, pixel: int) -> int:
        return ((pixel + 1) * self.cells - 1) // self.pixels


def rulers(pixels: tuple[int, int], room: tuple[int, int]) -> tuple[Ruler, Ruler]:
    """Rows and columns laid on at most `room` cells, pixels square unless the image is a narrow strip."""
    scale = min(cells / count for cells, count in zip(room, pixels, strict=True))
    if scale >= 1:
        return Ruler(pixels[0], pixels[0] * int(scale)), Ruler(pixels[1], pixels[1] * int(scale))
    rows, columns = (
        max(1, min(count, cells, max(LEAST_CELLS, round(count * scale))))
        for count, cells in zip(pixels, room, strict=True)
    )
    # Whole characters, where that costs no pixel its cell.
    whole = rows - rows % 2 if 1 < rows < pixels[0] else rows
    return Ruler(pixels[0], whole), Ruler(pixels[1], columns)


@dataclass(frozen=True)
class Picture:
    """The field of one unit on rows and columns of cells."""

    rows: Ruler
    columns: Ruler
    field: tuple[range, range]
    """Rows and columns of cells that the unit's windows see; empty where they see nothing, or that is not known."""
    everything: bool = False
    """An operation mixed the whole input: all of it is seen beside the windows."""
    centre: tuple[int, int] | None = None
    """The cell in the middle of the field; None where that is padding."""

    def mark(self, row: int, column: int) -> Mark:
        """What the cell shows."""
        if row in self.field[0] and column in self.field[1]:
            return Mark.FIELD
        return Mark.WHOLE if self.everything else Mark.REST


def picture(field: ReceptiveField, unit: list[int], room: tuple[int, int]) -> Picture:
    """The field of a unit, by its position along each axis, on the last two axes; a sequence is one row of pixels."""
    number = len(field.axes)
    everything = field.status == "whole_input"
    windows = shown_windows(field, unit)
    pixels = [axis.pixels for axis in field.axes]
    if number == 1:
        windows, pixels = [(0, 0), *windows], [1, *pixels]
    rows, columns = rulers((pixels[-2], pixels[-1]), room)
    if number == 1:
        rows = Ruler(1, min(room[0], LEAST_CELLS // 2))
    seen = [inside(window, size) for window, size in zip(windows, pixels, strict=True)]
    if any(one is None for one in seen):
        return Picture(rows, columns, (range(0), range(0)), everything)
    middle = [_middle(window, size) for window, size in zip(windows, pixels, strict=True)][-2:]
    cells = [ruler.cells_of(one) for ruler, one in zip((rows, columns), middle, strict=True)]
    centre = (_of(cells[0]), _of(cells[1])) if all(cells) else None
    return Picture(rows, columns, (rows.cells_of(seen[-2]), columns.cells_of(seen[-1])), everything, centre)


def grid(counts: list[int], place: list[int], room: tuple[int, int]) -> Picture:
    """The output's units on cells, on its last two axes, with the one that was chosen."""
    (height, row), (width, column) = [(1, 0), *zip(counts, place, strict=True)][-2:]
    rows, columns = rulers((height, width), room)
    if len(counts) == 1:
        rows = Ruler(1, 2)
    return Picture(rows, columns, (rows.cells_of((row, row)), columns.cells_of((column, column))))


def _middle(window: Interval | None, pixels: int) -> Interval | None:
    assert window is not None
    pixel = sum(window) // 2
    return inside((pixel, pixel), pixels)


def _of(cells: range) -> int:
    return cells[len(cells) // 2]

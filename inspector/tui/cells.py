"""Columns of aligned cells: which fit into a width, and a row of them as a strip.

A cell is a run of (text, style name) pieces; style names are the component classes of `RowView`, so that only the
style sheet knows colours. Text is cut at the cell's edge by its width on screen, not by its number of characters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from inspector.core.wording import printable

Cell = Sequence[tuple[str, str]]
GAP = 2


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a `RowView`."""

    title: str
    key: str = ""
    """What a click on the title sorts by; "" where nothing is sorted."""
    width: int
    """Cells its content wants; 0 for a column that has nothing to say here."""
    least: int
    """Cells it must have; with fewer it is dropped."""
    priority: int = 0
    """The highest number is dropped first where the widget is narrow, columns of one number together; 0 never."""
    right: bool = False
    """Aligned to the right, for numbers."""
    share: int = 0
    """Weight with which it takes what is left over."""
    yields: bool = False
    """Has no more than it must have until all others have what they want."""
    middle: bool = False
    """Cut in the middle, not at the end: for names, which often differ only there."""

    @property
    def needed(self) -> int:
        """Cells without which it is dropped: its title is never cut, except that of a column that has to stay."""
        return max(self.least, cell_len(self.title)) if self.priority else self.least


def fit_columns(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column within `width` cells, 0 for those that are dropped."""
    kept = [index for index, column in enumerate(columns) if column.width]

    def need(indices: Sequence[int]) -> int:
        return sum(columns[i].needed + GAP for i in indices) - GAP

    while kept and need(kept) > width and (last := max(columns[i].priority for i in kept)):
        kept = [i for i in kept if columns[i].priority < last]
    widths = [columns[i].needed if i in kept else 0 for i in range(len(columns))]
    left = width - need(kept)

    def turn(index: int) -> tuple[bool, int]:
        return columns[index].yields, columns[index].priority

    for _, alike in groupby(sorted(kept, key=turn), key=turn):
        # Columns of one rank, such as two sides of a comparison, get as much each; what one does not want, the others.
        group = sorted(alike, key=lambda i: columns[i].width - widths[i])
        for place, index in enumerate(group):
            more = max(0, min(left // (len(group) - place), columns[index].width - widths[index]))
            widths[index] += more
            left -= more
    shares = sum(columns[i].share for i in kept)
    for index in kept:
        if left > 0 and columns[index].share:
            widths[index] += left * columns[index].share // shares
    return widths


def fit(text: str, width: int, middle: bool = False) -> str:
    """The text cut to `width` cells on screen, with … where something is missing: at its end, or in its `middle`."""
    # Four characters a cell is more than any text needs; measuring a name of megabytes would take seconds.
    most = 4 * width + 1
    if middle and len(text) > 2 * most:
        text = text[:most] + text[-most:]
    text = printable(text if middle else text[:most])
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    behind = (width - 1) // 2 if middle else 0
    return set_cell_size(text, width - 1 - behind).rstrip() + "…" + _end(text, behind)


def _end(text: str, width: int) -> str:
    end = text[len(text) - width :]
    # Measured as a whole, since what follows a character can widen it.
    while cell_len("…" + end) > width + 1:
        end = end[1:]
    return end.lstrip()


def strip_of(
    columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Cell], styles: Mapping[str, Style], base: Style
) -> Strip:
    """A row as a strip: every cell cut and padded to its column's width."""
    segments: list[Segment] = []
    for column, width, cell in zip(columns, widths, cells, strict=True):
        if not width:
            continue
        if segments:
            segments.append(Segment(" " * GAP, base))
        pieces, left = [], width
        for text, name in cell:
            piece = fit(text, left, column.middle)
            if not piece:
                continue
            pieces.append(Segment(piece, base + styles[name] if name else base))
            left -= cell_len(piece)
        padding = [Segment(" " * left, base)] if left else []
        segments += padding + pieces if column.right else pieces + padding
    return Strip(segments)

"""Columns of text: drawn by rich on a terminal, written as they are into a pipe: drawing takes most of the time."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = "  "
_LEAST_NAME = 18
_LEAST_TEXT = 14


class Grid:
    """Rows of cells under titles; the columns named in `right` are flush right, missing cells at the end empty."""

    def __init__(self, columns: Sequence[str], right: set[str]) -> None:
        self._columns = list(columns)
        self._right = right
        self._rows: list[Sequence[Text]] = []

    def add_row(self, *cells: Text) -> None:
        """One line; on a narrow terminal texts are cut, and columns left out."""
        self._rows.append(cells)

    @property
    def titles(self) -> list[tuple[str, bool]]:
        """What stands above each column, and whether it is flush right."""
        return [(title, title in self._right) for title in self._columns]

    @property
    def rows(self) -> list[Sequence[Text]]:
        """The cells, line by line."""
        return self._rows

    def print_to(self, console: Console) -> None:
        """Draw or write all rows."""
        if console.is_terminal:
            console.print(self)
        else:
            console.file.write("".join(f"{line}\n" for line in self._lines()))

    def _lines(self) -> list[str]:
        rows = [self._columns, *([cell.plain for cell in cells] for cells in self._rows)]
        sizes = [[cell_len(text) for text in row] for row in rows]
        widths = [max((row[at] for row in sizes if at < len(row)), default=0) for at in range(len(self._columns))]
        flush = [title in self._right for title in self._columns]
        lines = []
        for row, taken in zip(rows, sizes, strict=True):
            spaces = [" " * (width - size) for width, size in zip(widths, taken, strict=False)]
            cells = zip(row, spaces, flush, strict=False)
            lines.append(_GAP.join(space + text if right else text + space for text, space, right in cells).rstrip())
        return lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The columns as rich draws them, as many as there is room for, and the names of the others."""
        widths = _fitted(self._least_and_natural(), options.max_width)
        padding = (0, len(_GAP), 0, 0)
        table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True, padding=padding)
        for name, width in zip(self._columns, widths, strict=False):
            justify: JustifyMethod = "right" if name in self._right else "left"
            table.add_column(Text(name), justify=justify, overflow="ellipsis", no_wrap=True, width=width)
        for cells in self._rows:
            table.add_row(*cells[: len(widths)])
        yield table
        left_out = self._columns[len(widths) :]
        if left_out:
            yield Text(f"no room for {', '.join(left_out)}", style="dim")

    def _least_and_natural(self) -> list[tuple[int, int]]:
        """Of each column the width below which it says nothing, and that of what it holds."""
        sizes = []
        for at, name in enumerate(self._columns):
            held = max((cell_len(cells[at].plain) for cells in self._rows if at < len(cells)), default=0)
            natural = max(cell_len(name), held)
            # A number that is cut is another number; names and settings are known by their beginnings.
            legible = _LEAST_NAME if at == 0 else max(_LEAST_TEXT, cell_len(name))
            least = natural if name in self._right else min(natural, legible)
            sizes.append((least, max(natural, _LEAST_NAME) if at == 0 else natural))
        return sizes


def _fitted(sizes: list[tuple[int, int]], room: int) -> list[int]:
    """Widths of the columns that fit, from the left; what is left of the room goes to the first that want more."""
    gaps = len(_GAP)
    while len(sizes) > 1 and sum(least for least, _ in sizes) + gaps * (len(sizes) - 1) > room:
        sizes = sizes[:-1]
    widths = [least for least, _ in sizes]
    rest = room - sum(widths) - gaps * (len(widths) - 1)
    for at, (least, natural) in enumerate(sizes):
        more = max(0, min(natural - least, rest))
        widths[at] += more
        rest -= more
    return widths

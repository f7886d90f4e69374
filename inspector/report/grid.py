"""Columns of text: drawn by rich on a terminal, written as they are into a pipe: drawing takes most of the time."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = "  "


class Grid:
    """Rows of cells under titles; the columns named in `right` are flush right, missing cells at the end empty."""

    def __init__(self, columns: Sequence[str], right: set[str]) -> None:
        self._columns = list(columns)
        self._right = right
        self._rows: list[Sequence[Text]] = []

    def add_row(self, *cells: Text) -> None:
        """One line; what does not fit a narrow terminal is cut."""
        self._rows.append(cells)

    def print_to(self, console: Console) -> None:
        """Draw or write all rows."""
        if console.is_terminal:
            console.print(self._drawn())
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

    def _drawn(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True, padding=(0, 2, 0, 0))
        for name in self._columns:
            # Numbers and shapes keep their width; names and hyperparameters give way on a narrow terminal.
            table.add_column(
                Text(name),
                justify="right" if name in self._right else "left",
                overflow="ellipsis",
                no_wrap=True,
                min_width=18 if name == "" else None,
            )
        for cells in self._rows:
            table.add_row(*cells)
        return table

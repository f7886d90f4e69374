"""The rows of a comparison, in the order in which they finish; the first that parts is marked."""

from collections.abc import Sequence

from inspector.core import wording
from inspector.core.row_comparison import ComparedPass, ComparedRow
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView

FIRST, PARTS, RANDOM = "◀ parts first", "parts", "random"


class ComparedRowList(RowView):
    """Name, differences and tolerance of every compared row."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._rows: list[ComparedRow] = []
        self._first: int | None = None
        self._numbers: list[list[str]] = []

    def show(self, made: ComparedPass) -> None:
        """Show a pass, the cursor where it parts."""
        self._rows = made.rows
        self._first = next((index for index, row in enumerate(made.rows) if row.parted), None)
        self._numbers = [[wording.number(x) for x in (row.relative, row.tolerance, row.max_abs)] for row in made.rows]
        self.rebuild(self._first or 0)

    @property
    def current(self) -> ComparedRow | None:
        """The row under the cursor."""
        return self._rows[self.row_at] if self.row_at is not None else None

    def go_to_table_row(self, index: int, graph: bool) -> None:
        """To the row that stands for one of the model's table, or of the graph's; stay where there is none."""
        at = next((n for n, row in enumerate(self._rows) if (row.node_row if graph else row.row) == index), None)
        if at is not None and at != self.cursor:
            self.go_to(at)

    def lines(self) -> Sequence[int]:
        """All compared rows."""
        return range(len(self._rows))

    def columns(self) -> Sequence[Column]:
        """Row and node, then the numbers."""
        names = max([len(_name(row)) for row in self._rows[:2000]], default=8)
        random = any(row.random for row in self._rows)
        marks = FIRST if self._first is not None else RANDOM if random else ""
        nodes = max([len(row.node) for row in self._rows[:2000]], default=8)
        return [
            Column(title="row", width=max(8, min(names, 40)), least=max(8, min(names, 18)), share=1, middle=True),
            Column(title="node", width=max(8, min(nodes, 44)), least=14, priority=3, share=1, middle=True),
            Column(title="relative", width=10, least=10, right=True),
            Column(title="tolerance", width=10, least=10, priority=1, right=True),
            Column(title="largest", width=10, least=10, priority=2, right=True),
            Column(title="", width=len(marks), least=len(marks)),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row."""
        one = self._rows[row]
        mark = FIRST if row == self._first else PARTS if one.parted else RANDOM if one.random else ""
        relative, tolerance, largest = self._numbers[row]
        return [
            [(_name(one), "kind" if one.kind == "function" else "name")],
            [(one.node, "muted")],
            [(relative, "error" if one.parted else "number")],
            [(tolerance, "muted")],
            [(largest, "")],
            [(mark, "error" if one.parted else "muted")],
        ]


def _name(row: ComparedRow) -> str:
    call = f" #{row.call + 1}" if row.call else ""
    return f"{row.path} {row.type}".strip() + call if row.kind == "function" else row.path + call

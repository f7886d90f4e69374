"""The fifth panel's list: what every row put out in the last real pass."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from inspector.core.natural_order import natural_key
from inspector.core.results import ForwardReport
from inspector.core.table import Row
from inspector.tui.cells import Cell, Column
from inspector.tui.run_columns import Compared, Measured, RunColumns
from inspector.tui.run_of_row import index_in
from inspector.tui.sorted_rows import SortedRows
from inspector.tui.view import View

MEASURED = 2000
"""Rows looked at for the columns' widths."""
LONGEST_NUMBER = 10
"""Cells of ``−1.234e-05``."""


class RunList(SortedRows):
    """The rows that ran, in the order of the table: statistics and time, or what changed since the run before."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._ran: list[int] = []
        self._measured: list[Column] = []
        self._says: RunColumns | None = None

    def show(self, view: View) -> None:
        """Show the view's pass, the cursor on its row."""
        report = view.report
        if report is None:
            return
        known = self._view
        if known is None or known.report is not report or known.two_runs is not view.two_runs:
            self._ran = [
                i for i, run in enumerate(report.runs) if run.statistics is not None or run.seconds is not None
            ]
            self._says = Measured(report) if view.two_runs is None else Compared(view.two_runs)
            self._measured = _measure(report, self._ran, self._says)
            self._view = view
            self.lay(None)
        self._view = view
        at = index_in(report, view.row)
        here = self.current_row
        # Of a function that the tree hides it shows the caller, and one is on the way through this list.
        is_caller = self.has_focus and here is not None and here.kind == "function" and here.parent == at
        if at is not None and at in self.lines() and not is_caller:
            self.go_to(self.lines().index(at))

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor, in the table of the pass."""
        at = self.row_at
        return self._view.report.table.rows[at] if at is not None and self._view and self._view.report else None

    def own_order(self) -> Sequence[int]:
        """The rows that ran."""
        return self._ran

    def sort_value(self, key: str, row: int) -> Any:
        """Of its name, or what a column of numbers says."""
        assert self._view is not None
        assert self._view.report is not None
        assert self._says is not None
        return natural_key(_name(self._view.report.table.rows[row])) if key == "name" else self._says.number(key, row)

    def columns(self) -> Sequence[Column]:
        """Name, and what is said of the rows; nothing for what is said of none, such as faults."""
        return self._measured

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row's texts."""
        assert self._view is not None
        assert self._view.report is not None
        assert self._says is not None
        one = self._view.report.table.rows[row]
        indent = " " * min(one.depth, widths[0] // 3)
        return [
            [(indent, ""), (_name(one), "kind" if one.kind == "function" else "name")],
            *([pair] for pair in zip(self._says.texts(row), self._says.styles(row), strict=True)),
        ]


def _measure(report: ForwardReport, ran: Sequence[int], says: RunColumns) -> list[Column]:
    looked_at = ran[:MEASURED]
    names = [cell_len(_name(report.table.rows[i])[:200]) + report.table.rows[i].depth for i in looked_at]
    longest = max(names, default=0)
    texts = [says.texts(i) for i in looked_at]
    # One column of numbers is as wide as its longest, so that no exponent is cut off.
    room = [max(map(len, column)) for column in zip(*texts, strict=True)] or [0] * len(says.titles)
    if len(ran) > MEASURED:
        room = [max(width, LONGEST_NUMBER) if width else 0 for width in room]
    return [
        Column(
            title="row",
            key="name",
            width=max(10, min(longest, 36)),
            least=max(10, min(longest, 16)),
            share=1,
            middle=True,
        ),
        *(
            Column(
                title=title,
                key=title if title in says.sorts else "",
                width=width and max(width, len(title)),
                least=width,
                priority=priority,
                right=True,
            )
            for (title, priority), width in zip(says.titles, room, strict=True)
        ),
    ]


def _name(row: Row) -> str:
    return row.name or row.type

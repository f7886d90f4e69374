"""The fifth panel's list: what every row put out in the last real pass."""

from collections.abc import Sequence

from inspector.core import wording
from inspector.core.results import RowRun
from inspector.core.table import Row
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView
from inspector.tui.view import View


class RunList(RowView):
    """Statistics and time of the rows that ran, in the order of the table."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._ran: list[int] = []
        self._backward = False
        self._slowest = 0.0

    def show(self, view: View) -> None:
        """Show the view's pass, the cursor on its row."""
        report = view.report
        if report is None:
            return
        if self._view is None or self._view.report is not report:
            self._ran = [
                i for i, run in enumerate(report.runs) if run.statistics is not None or run.seconds is not None
            ]
            self._backward = any(run.gradient_norm is not None for run in report.runs)
            self._slowest = max((run.self_seconds or 0.0 for run in report.runs), default=0.0)
            self._view = view
            self.rebuild()
        self._view = view
        line = self._line_of(view.row)
        if line is not None and line != self.cursor:
            self.go_to(line)

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor, in the table of the pass."""
        at = self.row_at
        return self._view.report.table.rows[at] if at is not None and self._view and self._view.report else None

    def _line_of(self, row: Row) -> int | None:
        at = _index_in_report(self._view, row) if self._view else None
        return self._ran.index(at) if at in self._ran else None

    def lines(self) -> Sequence[int]:
        """The rows that ran."""
        return self._ran

    def columns(self) -> Sequence[Column]:
        """Name, mean, deviation, range, zeros, faults, time, gradient."""
        return [
            Column(title="row", width=24, least=10, share=1),
            Column(title="mean", width=9, least=9, priority=2, right=True),
            Column(title="std", width=9, least=9, priority=1, right=True),
            Column(title="min", width=9, least=9, priority=5, right=True),
            Column(title="max", width=9, least=9, priority=5, right=True),
            Column(title="zeros", width=7, least=7, priority=3, right=True),
            Column(title="NaN, Inf", width=8, least=6, priority=4, right=True),
            Column(title="time", width=8, least=8, priority=2, right=True),
            Column(title="grad norm" if self._backward else "", width=9 if self._backward else 0, least=9, priority=3),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row's numbers; the slowest stands out, and so does what is not finite."""
        assert self._view is not None
        assert self._view.report is not None
        one, run = self._view.report.table.rows[row], self._view.report.runs[row]
        of = run.statistics
        indent = " " * min(one.depth, widths[0] // 3)
        bad = of.nan + of.inf if of else 0
        slow = bool(self._slowest) and run.self_seconds == self._slowest
        return [
            [(indent, ""), (one.name or one.type, "kind" if one.kind == "function" else "name")],
            [(wording.number(of.mean) if of else "", "")],
            [(wording.number(of.std) if of else "", "")],
            [(wording.number(of.min) if of else "", "")],
            [(wording.number(of.max) if of else "", "")],
            [(wording.percent(of.zeros) if of else "", "muted")],
            [(wording.count(bad) if bad else "", "error")],
            [(wording.duration(run.seconds) if run.seconds is not None else "", "warning" if slow else "number")],
            [(wording.number(run.gradient_norm) if run.gradient_norm is not None else "", "")],
        ]


def run_of(view: View) -> RowRun | None:
    """What the view's row did in the last pass; None where it did nothing."""
    at = _index_in_report(view, view.row)
    return view.report.runs[at] if at is not None and view.report else None


def _index_in_report(view: View, row: Row) -> int | None:
    if view.report is None:
        return None
    rows = view.report.table.rows
    if row.index < min(len(rows), len(view.report.runs)):
        same = rows[row.index]
        if (same.path, same.call, same.type) == (row.path, row.call, row.type):
            return row.index
    return None

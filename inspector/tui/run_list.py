"""The fifth panel's list: what every row put out in the last real pass."""

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.results import ForwardReport, RowRun
from inspector.core.table import Row
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView
from inspector.tui.view import View

NUMBERS = (
    ("mean", 3),
    ("std", 3),
    ("min", 6),
    ("max", 6),
    ("zeros", 5),
    ("NaN, Inf", 1),
    ("time", 2),
    ("grad norm", 4),
)
"""Titles, each with its priority."""
MEASURED = 2000
"""Rows looked at for the columns' widths."""
LONGEST_NUMBER = 10
"""Cells of ``−1.234e-05``."""


class RunList(RowView):
    """Statistics and time of the rows that ran, in the order of the table."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._ran: list[int] = []
        self._measured: list[Column] = []
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
            self._measured = _measure(report, self._ran)
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
        """Name, mean, deviation, range, zeros, faults, time, gradient; where nothing is faulty no column for it."""
        return self._measured

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row's numbers; the slowest stands out, and so does what is not finite."""
        assert self._view is not None
        assert self._view.report is not None
        one, run = self._view.report.table.rows[row], self._view.report.runs[row]
        indent = " " * min(one.depth, widths[0] // 3)
        slow = bool(self._slowest) and run.self_seconds == self._slowest
        styles = ("", "", "", "", "muted", "error", "warning" if slow else "number", "")
        return [
            [(indent, ""), (_name(one), "kind" if one.kind == "function" else "name")],
            *([(text, style)] for text, style in zip(_numbers(run), styles, strict=True)),
        ]


def _measure(report: ForwardReport, ran: Sequence[int]) -> list[Column]:
    looked_at = ran[:MEASURED]
    names = [cell_len(_name(report.table.rows[i])[:200]) + report.table.rows[i].depth for i in looked_at]
    longest = max(names, default=0)
    texts = [_numbers(report.runs[i]) for i in looked_at]
    # One column of numbers is as wide as its longest, so that no exponent is cut off.
    room = [max(map(len, column)) for column in zip(*texts, strict=True)] or [0] * len(NUMBERS)
    if len(ran) > MEASURED:
        room = [max(width, LONGEST_NUMBER) if width else 0 for width in room]
    return [
        Column(title="row", width=max(10, min(longest, 36)), least=max(10, min(longest, 16)), share=1, middle=True),
        *(
            Column(title=title, width=width and max(width, len(title)), least=width, priority=priority, right=True)
            for (title, priority), width in zip(NUMBERS, room, strict=True)
        ),
    ]


def _name(row: Row) -> str:
    return row.name or row.type


def _numbers(run: RowRun) -> list[str]:
    """The texts under `NUMBERS`."""
    of = run.statistics
    bad = of.nan + of.inf if of else 0
    return [
        *([wording.number(value) for value in (of.mean, of.std, of.min, of.max)] if of else [""] * 4),
        wording.percent(of.zeros) if of else "",
        wording.count(bad) if bad else "",
        wording.duration(run.seconds) if run.seconds is not None else "",
        wording.number(run.gradient_norm) if run.gradient_norm is not None else "",
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

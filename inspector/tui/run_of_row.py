"""What a row of the table on show did in a real pass, whose own table may be another."""

from inspector.core.results import ForwardReport, RowRun
from inspector.core.table import Row


def index_in(report: ForwardReport | None, row: Row) -> int | None:
    """The row's index in the pass; None where it is not the same row there."""
    if report is None:
        return None
    rows = report.table.rows
    if row.index < min(len(rows), len(report.runs)):
        same = rows[row.index]
        if (same.path, same.call, same.type) == (row.path, row.call, row.type):
            return row.index
    return None


def run_in(report: ForwardReport | None, row: Row) -> RowRun | None:
    """What the row did; None where it did nothing."""
    at = index_in(report, row)
    return report.runs[at] if at is not None and report else None

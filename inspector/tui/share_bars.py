"""What the parts of a module take of the whole: bars for parameters, operations and time, the largest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest

from inspector.core import wording
from inspector.core.results import ForwardReport
from inspector.core.table import ModelTable, Row
from inspector.tui.bars import bars
from inspector.tui.page import MUTED, Page
from inspector.tui.run_of_row import run_in

SHOWN = 8
"""Parts with a bar; the others are counted."""


def parameter_and_operation_shares(page: Page, table: ModelTable, row: Row) -> None:
    """Where a module's parameters lie, and where its operations are carried out."""
    parts = list(parts_of(table, row))
    _shares(page, "Parameters", [(part, part.parameters) for part in parts], wording.count)
    _shares(page, "Operations", [(part, part.flops) for part in parts], wording.count)


def time_shares(page: Page, table: ModelTable, row: Row, report: ForwardReport) -> None:
    """Where a module's time goes."""
    runs = [(part, run_in(report, part)) for part in parts_of(table, row)]
    _shares(page, "Time", [(part, run.seconds if run is not None else None) for part, run in runs], wording.duration)


def parts_of(table: ModelTable, row: Row) -> Iterator[Row]:
    """The rows right below one."""
    at = row.index + 1
    while at < row.index + row.subtree:
        yield table.rows[at]
        at += max(1, table.rows[at].subtree)


def _shares(page: Page, title: str, parts: Sequence[tuple[Row, float | None]], written: Callable[..., str]) -> None:
    known = [(_name(part), amount) for part, amount in parts if amount]
    if len(known) < 2:
        return
    shown = nlargest(SHOWN, known, key=lambda one: one[1])
    page.heading(title, "by part, largest first")
    page.fitted(bars(shown, shown[0][1], written))
    if len(known) > len(shown):
        page.line((f"and {len(known) - len(shown):,} smaller", MUTED))


def _name(part: Row) -> str:
    name = part.name or part.type
    return f"{name}, call {part.call + 1}" if part.call else name

"""What other settings would change, on a page: the formula worked through, then every row that would differ."""

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.what_if import RowChange, WhatIfReport, misfit, row_change, row_name
from inspector.tui.cells import fit
from inspector.tui.keys_here import with_keys
from inspector.tui.overview import formula
from inspector.tui.page import ERROR, GOOD, MUTED, WARNING, Page, Part

LISTED = 300


def what_if_page(report: WhatIfReport) -> Page:
    """The operation's output and formula, the rows that change, and those that would not fit."""
    page = Page()
    before = wording.shape(report.before) if report.before is not None else "not reached"
    after = wording.shape(report.after) if report.after is not None else "does not fit"
    page.fact("input", wording.shape(report.input_shape))
    style = ERROR if report.after is None else "bold"
    page.fact("output", after if before == after else f"{before} → {after}", style)
    formula(page, report.formula)
    if report.parameters_after is not None:
        now, then = wording.exact(report.parameters_before), wording.exact(report.parameters_after)
        page.fact("parameters", now if now == then else f"{now} → {then}")
    page.heading(_heading(report), f"{wording.things(report.unchanged, 'row')} unchanged" if report.rows else "")
    _rows(page, report.rows[:LISTED])
    if len(report.rows) > LISTED:
        page.line((f"… and {len(report.rows) - LISTED} more", MUTED))
    if not report.complete:
        page.line(("What comes after is not known.", WARNING))
    return page


def _heading(report: WhatIfReport) -> str:
    misfits = sum(row.failure is not None for row in report.rows)
    if misfits:
        return f"{wording.things(misfits, 'row')} would not fit"
    return f"{wording.things(len(report.rows), 'row')} would change" if report.rows else "No row would change"


def _rows(page: Page, rows: Sequence[RowChange]) -> None:
    """Runs of rows as tables with a common width of their names; a misfit with its reason stands between them."""
    longest = max((cell_len(row_name(row)) for row in rows), default=0)

    def table(some: Sequence[RowChange], width: int) -> list[list[Part]]:
        room = min(longest, max(12, width // 3)) if width else longest
        lines: list[list[Part]] = []
        for row in some:
            name = f"{fit(row_name(row), room, middle=True):<{room}}"
            lines.append([(name, ""), ("  ", ""), (row_change(row), MUTED if row.assumed else "")])
        return lines

    run: list[RowChange] = []

    def flush() -> None:
        if run:
            page.fitted(lambda width, some=tuple(run): table(some, width))  # type: ignore[misc]  # bound early
            run.clear()

    for row in rows:
        if row.failure is None:
            run.append(row)
            continue
        flush()
        page.line((f"✗ {row_name(row)}", ERROR))
        page.line(("  ", ""), (misfit(row.failure), ERROR), hang=2)
        for suggestion in row.failure.suggestions:
            page.line(("  ", ""), (with_keys(suggestion), GOOD), hang=2)
        if row.before:
            page.line(("  ", ""), (f"from here on as if it still put out {wording.shapes(row.before)}", MUTED), hang=2)
    flush()

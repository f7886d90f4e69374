"""What is known about memory: of one row, and of the whole model at its root."""

from inspector.core.memory import NOT_INCLUDED, USES, MemoryReport, Peak, place_of, setting_of
from inspector.core.table import ModelTable, Row
from inspector.core.wording import exact, percent, size_in_bytes
from inspector.tui.bars import bars
from inspector.tui.keys_here import with_keys
from inspector.tui.page import MUTED, WARNING, Page

KEEPING_MOST = 6
"""Rows listed of those that keep most for the backward pass."""


def row_memory(page: Page, report: MemoryReport, row: Row) -> None:
    """What a row keeps for the backward pass, and whether most is in use while it runs."""
    if row.index >= len(report.rows):
        return
    saved = report.rows[row.index].saved_bytes
    if saved:
        share = percent(saved / report.saved_bytes) if report.saved_bytes else ""
        page.fact("kept", f"{size_in_bytes(saved)} for backward, {share} of all  ({setting_of(report)})")
    for peak, what in ((report.inference, "inference"), (report.training, "training")):
        if peak is not None and peak.row == row.index:
            during = "" if peak.phase == "forward" else ", in its backward pass"
            page.fact("peak", f"of {what}: {size_in_bytes(peak.bytes)}{during}", WARNING)


def model_memory(page: Page, report: MemoryReport, table: ModelTable) -> None:
    """Peaks with what they are made of, and the rows that keep most."""
    page.heading("Memory", setting_of(report))
    most = max(peak.bytes for peak in (report.inference, report.training) if peak is not None)
    for label, peak in (("training", report.training), ("inference", report.inference)):
        if peak is not None:
            _peak(page, label, peak, most)
    if report.fitting is not None:
        fitting = report.fitting
        batches = f"{exact(fitting.training)} in training, {exact(fitting.inference)} in inference"
        page.fact("fits", f"{size_in_bytes(fitting.limit)} hold a batch of {batches}")
    keeping = _keeping_most(report, table)
    if keeping:
        page.fact("kept", f"{size_in_bytes(report.saved_bytes)} for backward, most of it by")
        page.fitted(bars(keeping, keeping[0][1]))
    for note in report.notes:
        page.fact("note", with_keys(note.message), WARNING)
    page.line((f"{NOT_INCLUDED[0].upper()}{NOT_INCLUDED[1:]}.", MUTED), hang=1)


def _peak(page: Page, label: str, peak: Peak, most: int) -> None:
    page.fact(label, f"{size_in_bytes(peak.bytes)} at most, {place_of(peak)}", "bold")
    parts = sorted(((USES[use], size) for use, size in peak.uses.items() if size), key=lambda part: -part[1])
    page.fitted(bars(parts, most))


def _keeping_most(report: MemoryReport, table: ModelTable) -> list[tuple[str, int]]:
    """Names and bytes of the rows that keep most themselves."""
    own = [memory.saved_bytes or 0 for memory in report.rows]
    for row in table.rows:
        if row.parent is not None and row.index < len(own):
            own[row.parent] -= report.rows[row.index].saved_bytes or 0
    largest = sorted(range(len(own)), key=lambda index: -own[index])[:KEEPING_MOST]
    return [(_name(table.rows[index]), own[index]) for index in largest if own[index] > 0]


def _name(row: Row) -> str:
    return f"{row.path} {row.type}".lstrip() if row.kind == "function" else row.path or row.type

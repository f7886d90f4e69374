"""Why a file of weights does not load into the model, and what mends it, on a page."""

from inspector.core.repair import RepairReport
from inspector.core.repair_wording import filled, is_sure, python, sections
from inspector.tui.page import CODE, ERROR, GOOD, MUTED, Page

LISTED = 200
"""Lines under one heading before the rest is counted."""


def repair_page(report: RepairReport, command: str) -> Page:
    """The verdict, the rules, what is left, and Python that does the same; `command` tries the arguments proposed."""
    page = Page()
    if report.written:
        page.line((f"wrote {report.written}", GOOD))
    page.line((report.verdict, f"bold {GOOD if is_sure(report) else ERROR}"))
    page.line(filled(report))
    for heading, lines in sections(report, command):
        page.heading(f"{heading[0].upper()}{heading[1:]}")
        page.bullets(lines[:LISTED])
        if len(lines) > LISTED:
            page.line((f"… and {len(lines) - LISTED:,} more", MUTED))
    lines = python(report)
    if lines:
        page.heading("The same in Python", "y copies it")
        for line in lines[:LISTED]:
            page.line((line, CODE), hang=4)
        if len(lines) > LISTED:
            page.line((f"… and {len(lines) - LISTED:,} more lines", MUTED))
    return page

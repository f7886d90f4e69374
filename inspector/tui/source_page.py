"""The sixth panel: the code of a row's forward, or of the forward that calls it."""

import re
from collections.abc import Sequence

from textual.content import Content

from inspector.core.results import SourceReport
from inspector.core.table import ModelTable, Row, Source
from inspector.core.wording import printable
from inspector.tui.page import MUTED, Page
from inspector.tui.view import View

LINES = 2000
DEFINED = re.compile(r"^(?P<indent>[ \t]*)(async\s+)?def\s+(?P<name>\w+)", re.MULTILINE)


def caller_or_own(table: ModelTable, row: Row) -> str:
    """The path whose forward says most about a row.

    A row with rows below it has a forward of its own to read; a leaf's is the framework's, and what one wants to see is
    the line that calls it.
    """
    return row.path if _shows_own(row) or row.parent is None else table.rows[row.parent].path


def line_to_mark(view: View) -> Source | None:
    """Where the model failed in this row, else the line that calls it, where the caller's code is on show."""
    if view.failed and view.table.failure:
        return view.table.failure.source
    return None if _shows_own(view.row) and view.row.kind != "function" else view.row.source


def _shows_own(row: Row) -> bool:
    return row.kind != "module" or row.parent is None or row.subtree > 1


def source_page(report: SourceReport, view: View) -> tuple[Content, int]:
    """The code with line numbers, and the line of the page that is marked, 0 for none."""
    page = Page()
    if report.file:
        page.line((report.file, MUTED))
    marked = _marked_line(report, view)
    code = numbered(report.text, report.first_line, marked)
    at = 0 if marked is None or marked >= report.first_line + LINES else marked - report.first_line + 1
    return Content("").join([page.content(), Content("\n"), code] if report.file else [code]), at


def numbered(text: str, first_line: int, marked: int | None, columns: Sequence[int] | None = None) -> Content:
    """Code with line numbers; the line with the number `marked` stands out, and in it `columns`, first and last."""
    written = text.splitlines()[:LINES]
    lines = _highlighted("\n".join(map(_spaced, written))).split("\n", allow_blank=True)
    width = len(str(first_line + len(lines)))
    parts: list[Content] = []
    for number, line in enumerate(lines, start=first_line):
        here = number == marked
        prefix = Content.styled(f"{'▶' if here else ' '}{number:>{width}}  ", "$text-warning" if here else MUTED)
        if here and columns is not None:
            first, last = (len(_spaced(written[number - first_line][:column])) for column in columns)
            line = line.stylize("bold underline", first, last)
        whole = prefix + line
        parts += [whole.stylize("on $primary-muted") if here else whole, Content("\n")]
    return Content("").join(parts).rstrip()


def _spaced(line: str) -> str:
    return printable(line.expandtabs(4))


def caption(report: SourceReport, view: View) -> str:
    """Whose code it is and what that has to do with the row: ``ResNet._forward_impl, which calls conv1``."""
    rows = view.table.rows
    row = view.row
    found = DEFINED.search(report.text)
    if not found:
        return ""
    owner = next((row.type for row in rows if row.path == report.path and row.kind == "module"), "")
    name = f"{owner}.{found['name']}" if owner and found["indent"] else found["name"]
    if view.failed and _marked_line(report, view):
        return f"{name}, where the pass failed"
    if row.path == report.path and row.kind != "function":
        return name
    return f"{name}, which calls {row.name or row.type}"


def _marked_line(report: SourceReport, view: View) -> int | None:
    source = line_to_mark(view)
    last = report.first_line + report.text.count("\n")
    inside = source is not None and report.first_line <= source.line <= last
    return source.line if inside and source and source.file == report.file else None


def _highlighted(code: str) -> Content:
    # pygments costs tens of milliseconds to import, and the panel is seldom the first one looked at.
    from textual.highlight import highlight

    return highlight(code, language="python")

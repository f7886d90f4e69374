"""What a panel says without its answer."""

from typing import Any

from inspector.tui.keys_here import with_keys
from inspector.tui.page import ERROR, MUTED, Page


def waiting(answer: Any, nothing: str) -> Page:
    """The reason why there is no answer, or that there is nothing; empty while one is on its way."""
    page = Page()
    if isinstance(answer, Exception):
        page.paragraph(with_keys(str(answer)), ERROR)
    else:
        page.line((nothing if answer is None else "", MUTED))
    return page

"""What a panel says without its answer."""

from typing import Any

from inspector.tui.keys_here import with_keys
from inspector.tui.page import ERROR, MUTED, Page
from inspector.tui.traceback_page import traceback_of, traceback_page


def waiting(answer: Any, nothing: str = "", meanwhile: str = "") -> Page:
    """The reason why there is no answer, what is done `meanwhile` for one that is on its way, or that there is nothing.

    Where nothing is asked for, `meanwhile` is "".
    """
    page = Page()
    if isinstance(answer, Exception):
        page.paragraph(with_keys(str(answer)), ERROR)
        behind = traceback_of(answer)
        if behind:
            traceback_page(page, behind, everything=False)
    else:
        page.line(((meanwhile or nothing) if answer is None else nothing, MUTED))
    return page

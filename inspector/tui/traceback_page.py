"""A traceback as a page: the user's own frames in full, the others counted, unless all are wanted."""

from inspector.core.traceback_text import Frame, folded, parts_of
from inspector.core.wording import things
from inspector.tui.page import CODE, ERROR, MUTED, Page


def traceback_of(refused: Exception) -> str:
    """Where in the model's code what was refused went wrong; "" where no code is behind it."""
    return "".join(getattr(refused, "__notes__", []))


def traceback_page(page: Page, text: str, everything: bool) -> None:
    """Add a traceback to a page."""
    parts = list(parts_of(text))
    for part in parts if everything else folded(parts):
        if isinstance(part, int):
            page.line((f"  … {things(part, 'frame')} not of your own files", MUTED))
        elif isinstance(part, Frame):
            own = part.is_own
            where = f"{part.file}:{part.line}"
            page.line("  ", (where, CODE if own else MUTED), (f"  {part.function}", "bold" if own else MUTED))
            for line in part.code:
                page.line((line, "" if own else MUTED))
        elif part.startswith((" ", "Traceback")) or not part.strip():
            page.line((part, MUTED))
        else:
            page.line((part, ERROR))

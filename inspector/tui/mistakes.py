"""Mistakes of our own: logged with their traceback and said, while the application goes on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inspector.core.wording import printable, shortened
from inspector.files.mistake_log import log_mistake

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

TITLE = "This is a mistake of nninspect"


@contextmanager
def caught(app: NNInspectApp) -> Iterator[None]:
    """Whatever goes wrong inside is said in a dialog, not left to end the application."""
    try:
        yield
    except Exception as error:
        app.mistakes.append(error)
        as_it_was = "The model and your changes are as they were."
        app.tell(TITLE, f"{sentence(error)} {as_it_was}", "".join(traceback.format_exception(error)))


def sentence(error: Exception) -> str:
    """What went wrong, and where its traceback is kept."""
    file = log_mistake(error)
    kept = f"Its traceback is in {file}" if file is not None else "Its traceback could not be written to a file"
    what = shortened(printable(f"{type(error).__name__}: {error}"))
    return f"{what}\n{kept}; please report it."

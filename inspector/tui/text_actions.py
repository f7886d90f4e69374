"""How one moves in a panel of text: declared beside the other actions, carried out by the panel that has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.tui import reasons
from inspector.tui.action import one_of

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

IN_TEXT = "Moving in a text"


def _in_text(app: NNInspectApp, id: str) -> None:
    from inspector.tui.page import TextPanel

    if isinstance(app.focused, TextPanel):
        app.focused.action_text(id)


_move = one_of(IN_TEXT, _in_text, reasons.no_text_in_focus)

TEXT_ACTIONS = (
    _move("text_up", "up,k", "Line up", "One line up."),
    _move("text_down", "down,j", "Line down", "One line down."),
    _move("text_page_up", "pageup,ctrl+u", "Text: page up", "One screen up."),
    _move("text_page_down", "pagedown,ctrl+d", "Text: page down", "One screen down."),
    _move("text_first", "home,g", "Beginning", "To the beginning of the text."),
    _move("text_last", "end,G", "End", "To the end of the text."),
)

"""Where the keyboard is: what that place is called and for, and the headings of the actions that are done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector.tui.action import Action
from inspector.tui.actions import GROUPS
from inspector.tui.change_actions import CHANGE
from inspector.tui.difference_actions import COMPARING
from inspector.tui.field_actions import IN_FIELD
from inspector.tui.field_panel import FieldPanel
from inspector.tui.log_view import LogView
from inspector.tui.look_actions import PANEL_HELP
from inspector.tui.model_actions import MODEL
from inspector.tui.page import TextPanel
from inspector.tui.picture_actions import IN_PICTURE
from inspector.tui.picture_view import PictureView
from inspector.tui.row_actions import MOVING
from inspector.tui.row_view import RowView
from inspector.tui.side import TITLES
from inspector.tui.step_actions import STEPPING
from inspector.tui.text_actions import IN_TEXT

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

_MOVES: tuple[tuple[type, str], ...] = (
    (RowView, MOVING),
    (FieldPanel, IN_FIELD),
    (PictureView, IN_PICTURE),
    (TextPanel, IN_TEXT),
)
"""The widgets that have keys of their own."""
_OF_WIDGETS = {*(group for _, group in _MOVES), COMPARING}


@dataclass(frozen=True)
class Here:
    """One place."""

    title: str
    help: str
    moves: str
    """The heading of what is done there and nowhere else, "" for nothing."""


def where_is(app: NNInspectApp) -> Here:
    """The tree, the log, or the panel on show."""
    focused = app.focused
    moves = next((group for kind, group in _MOVES if isinstance(focused, kind)), "")
    if isinstance(focused, LogView):
        return Here("The log", "What the model's own code printed, and in full what was said here.", moves)
    if app.side.has_focus_within:
        panel = app.side.current
        return Here(f"Panel {list(TITLES).index(panel) + 1}: {TITLES[panel]}", PANEL_HELP[panel], moves)
    return Here("The tree", "The model's rows: modules, the functions between them, blocks that repeat.", moves)


def actions_here(app: NNInspectApp) -> list[Action]:
    """What can be done now where the keyboard is: first with the row, then with the model, moving last."""
    moves = where_is(app).moves
    ranked = [CHANGE, MODEL, *(group for group in GROUPS if group not in (*_OF_WIDGETS, CHANGE, MODEL)), moves]
    if app.stepping.is_on:
        ranked = [STEPPING, *(group for group in ranked if group != STEPPING)]
    offered = [action for action in app.actions.values() if action.group in ranked and not action.why_not(app)]
    return sorted(offered, key=lambda action: ranked.index(action.group))

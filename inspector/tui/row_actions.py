"""How one moves in a list of rows: declared beside the other actions, carried out by the list that has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.tui.action import Action

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

MOVING = "Moving in the tree and in lists"


def _in_rows(id: str) -> Callable[[NNInspectApp], object]:
    return lambda app: app.rows_in_focus().action_rows(id)


def _move(id: str, keys: str, title: str, help: str) -> Action:
    return Action(id=id, keys=keys, title=title, help=help, group=MOVING, run=_in_rows(id))


ROW_ACTIONS = (
    _move("up", "up,k", "Up", "One row up."),
    _move("down", "down,j", "Down", "One row down."),
    _move("page_up", "pageup,ctrl+u", "Page up", "One screen up."),
    _move("page_down", "pagedown,ctrl+d", "Page down", "One screen down."),
    _move("first", "home,g", "First", "To the first row."),
    _move("last", "end,G", "Last", "To the last row."),
    _move("open", "right,l", "Unfold", "Show what is below the row; if it is shown, go to it."),
    _move("close", "left,h", "Fold", "Hide what is below the row; if it is hidden, go to the row above it."),
    _move("parent", "backspace", "To the module above", "To the row that holds this one."),
    _move("next_sibling", "shift+down", "Next sibling", "To the next row below the same module."),
    _move("previous_sibling", "shift+up", "Previous sibling", "To the row before below the same module."),
    _move("toggle", "space", "Fold or unfold", "Show or hide what is below the row."),
    _move("open_all", "plus", "Unfold all", "Show everything below the row."),
    _move("close_all", "minus", "Fold all", "Fold everything below the row."),
    _move("choose", "enter", "Choose", "Look at the row in the panel beside the tree."),
)

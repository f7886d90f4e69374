"""What can be done on the screen with the differences: declared beside the other actions, carried out by the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.tui import reasons
from inspector.tui.action import one_of

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

COMPARING = "On the screen with the differences"


def _on_screen(app: NNInspectApp, id: str) -> None:
    from inspector.tui.difference_screen import DifferenceScreen

    if isinstance(app.screen, DifferenceScreen):
        app.screen.action_difference(id)


_action = one_of(COMPARING, _on_screen, reasons.no_difference_on_show)

DIFFERENCE_ACTIONS = (
    _action("difference_leave", "escape,q", "Back", "Back to the model; D shows the differences again."),
    _action("difference_order", "o", "Order", "The largest change first, or in the order of the state_dict."),
    _action("difference_state", "s", "State", "Only what is changed, has another shape, is on one side …; then all."),
    _action("difference_state_back", "S", "State before", "The same backwards."),
    _action("difference_other", "D", "Another", "Compare with another file or model."),
)
"""Enter, as in every list, chooses the row: it goes to that tensor's values."""

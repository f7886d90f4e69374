"""What can be done on the screen with the differences: declared beside the other actions, carried out by the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.tui import reasons
from inspector.tui.action import Action

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

COMPARING = "On the screen with the differences"


def _on_screen(id: str) -> Callable[[NNInspectApp], object]:
    def run(app: NNInspectApp) -> None:
        from inspector.tui.difference_screen import DifferenceScreen

        if isinstance(app.screen, DifferenceScreen):
            app.screen.action_difference(id)

    return run


def _action(id: str, keys: str, title: str, help: str) -> Action:
    return Action(
        id=id,
        keys=keys,
        title=title,
        help=help,
        group=COMPARING,
        run=_on_screen(id),
        why_not=reasons.no_difference_on_show,
    )


DIFFERENCE_ACTIONS = (
    _action("difference_leave", "escape,q", "Back", "Back to the model; D shows the differences again."),
    _action("difference_order", "o", "Order", "The largest change first, or in the order of the state_dict."),
    _action("difference_state", "s", "State", "Only what is changed, has another shape, is on one side …; then all."),
    _action("difference_state_back", "S", "State before", "The same backwards."),
    _action("difference_other", "D", "Another", "Compare with another file or model."),
)
"""Enter, as in every list, chooses the row: it goes to that tensor's values."""

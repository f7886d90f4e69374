"""Everything the user can do, in one table: keys, footer, help screen and palette are made from it."""

from inspector.tui.arranging_actions import ARRANGING, ARRANGING_ACTIONS
from inspector.tui.change_actions import CHANGE, CHANGE_ACTIONS
from inspector.tui.difference_actions import COMPARING, DIFFERENCE_ACTIONS
from inspector.tui.field_actions import FIELD_ACTIONS, IN_FIELD
from inspector.tui.look_actions import LOOK, LOOK_ACTIONS
from inspector.tui.model_actions import MODEL, MODEL_ACTIONS
from inspector.tui.picture_actions import IN_PICTURE, PICTURE_ACTIONS
from inspector.tui.program_actions import PROGRAM, PROGRAM_ACTIONS
from inspector.tui.row_actions import MOVING, ROW_ACTIONS
from inspector.tui.step_actions import STEP_ACTIONS, STEPPING
from inspector.tui.text_actions import IN_TEXT, TEXT_ACTIONS

GROUPS = (LOOK, ARRANGING, MOVING, IN_TEXT, IN_FIELD, IN_PICTURE, COMPARING, MODEL, STEPPING, CHANGE, PROGRAM)
"""Headings of the help screen, in their order."""

APP_ACTIONS = (*PROGRAM_ACTIONS, *LOOK_ACTIONS, *ARRANGING_ACTIONS, *MODEL_ACTIONS, *CHANGE_ACTIONS)
"""What can be done wherever the keyboard is; the footer shows them in this order."""

_EVERYWHERE = (*APP_ACTIONS, *STEP_ACTIONS)
PLACES = {
    "in the tree and in lists": (*_EVERYWHERE, *ROW_ACTIONS),
    "in a text": (*_EVERYWHERE, *TEXT_ACTIONS),
    "in the receptive field's panel": (*_EVERYWHERE, *FIELD_ACTIONS),
    "in the pictures of values": (*_EVERYWHERE, *PICTURE_ACTIONS),
    "on the screen with the differences": (*ROW_ACTIONS, *DIFFERENCE_ACTIONS),
}
"""Where the keyboard can be, each with the actions whose keys hold there: no two of them may have the same."""

ACTIONS = {
    action.id: action
    for action in (
        *_EVERYWHERE,
        *ROW_ACTIONS,
        *TEXT_ACTIONS,
        *FIELD_ACTIONS,
        *PICTURE_ACTIONS,
        *DIFFERENCE_ACTIONS,
    )
}
"""Every action by its id."""

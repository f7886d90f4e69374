"""How one moves in the panel of the receptive field: declared beside the other actions, carried out by the panel."""

from __future__ import annotations

from inspector.tui import reasons
from inspector.tui.action import one_of

IN_FIELD = "Moving in the receptive field's panel"


_move = one_of(IN_FIELD, lambda app, id: app.side.field.action_field(id), reasons.no_field_on_show)

FIELD_ACTIONS = (
    _move("unit_up", "up,k", "Unit up", "The output unit above."),
    _move("unit_down", "down,j", "Unit down", "The output unit below."),
    _move("unit_left", "left,h", "Unit left", "The unit to the left, in the chart the layer before."),
    _move("unit_right", "right,l", "Unit right", "The unit to the right, in the chart the layer behind."),
    _move("unit_top", "shift+up", "First row of units", "To the upper border of the output."),
    _move("unit_bottom", "shift+down", "Last row of units", "To the lower border of the output."),
    _move("unit_first", "shift+left", "First column of units", "To the left border of the output."),
    _move("unit_last", "shift+right", "Last column of units", "To the right border of the output."),
    _move("unit_front", "pageup", "Unit in front", "One unit to the front along a volume's depth."),
    _move("unit_back", "pagedown", "Unit behind", "One unit to the back along a volume's depth."),
    _move("unit_centre", "home,g", "Unit in the middle", "To the middle of the output."),
)
"""The actions of the panel while it has the keyboard; the palette has them whenever it is on show."""

MOVES = {
    "unit_up": (-2, -1),
    "unit_down": (-2, 1),
    "unit_left": (-1, -1),
    "unit_right": (-1, 1),
    "unit_front": (-3, -1),
    "unit_back": (-3, 1),
}
"""Axis, counted from the last, and number of units."""
TO_BORDER = {"unit_top": (-2, 0), "unit_bottom": (-2, 1), "unit_first": (-1, 0), "unit_last": (-1, 1)}
"""Axis, counted from the last, and whether its end is meant, not its beginning."""

"""How one moves in the pictures of values: declared beside the other actions, carried out by the picture."""

from __future__ import annotations

from inspector.tui import reasons
from inspector.tui.action import one_of

IN_PICTURE = "Moving in the pictures of values"


_move = one_of(IN_PICTURE, lambda app, id: app.side.picture.action_picture(id), reasons.no_picture_on_show)

PICTURE_ACTIONS = (
    _move("planes_up", "up,k", "Planes up", "The kernels of the channel above; in a heat map the plane before."),
    _move("planes_down", "down,j", "Planes down", "The kernels of the channel below; in a heat map the next plane."),
    _move("planes_left", "left,h", "Planes left", "The kernels of the channel to the left."),
    _move("planes_right", "right,l", "Planes right", "The kernels of the channel to the right."),
    _move("planes_page_up", "pageup", "Page of planes up", "A screen of kernels up."),
    _move("planes_page_down", "pagedown", "Page of planes down", "A screen of kernels down."),
    _move("planes_page_left", "shift+left", "Page of planes left", "A screen of kernels to the left."),
    _move("planes_page_right", "shift+right", "Page of planes right", "A screen of kernels to the right."),
    _move("planes_first", "home,g", "First planes", "Back to the first kernels, or the first plane."),
)
"""The actions of a picture while it has the keyboard; the palette has them whenever one is on show."""

MOVES = {
    "planes_up": (0, -1, False),
    "planes_down": (0, 1, False),
    "planes_left": (1, -1, False),
    "planes_right": (1, 1, False),
    "planes_page_up": (0, -1, True),
    "planes_page_down": (0, 1, True),
    "planes_page_left": (1, -1, True),
    "planes_page_right": (1, 1, True),
}
"""Down or across, to which side, and whether by as many as are shown."""

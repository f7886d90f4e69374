"""How an action is carried out, whatever called it: a key, the palette, the menu, a click."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from inspector.tui.action import shown_keys
from inspector.tui.mistakes import caught
from inspector.tui.remapping import moved_from

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def do(app: NNInspectApp, id: str) -> None:
    """Carry out an action, or say why not now."""
    action = app.actions[id]
    with caught(app):
        why_not = action.why_not(app)
        if why_not:
            app.say(f"{action.title}: {why_not}", "$text-warning")
        else:
            action.run(app)
            if app.remembering is not None:
                app.remembering.hints.used(id)


def is_taken(app: NNInspectApp, action: str, parameters: tuple[object, ...]) -> bool:
    """Whether a key does this now.

    Keys that are taken before widgets do not reach through a dialog: tab walks through its fields there. Where no
    pass waits, the keys that step through one do what they do otherwise.
    """
    if app.is_too_small and action in ("do", "do_at_stop"):
        return parameters == ("quit",)
    if action == "do_at_stop":
        return app.stepping.is_on and not app.screen.is_modal
    return action != "do" or not app.screen.is_modal


def in_palette(app: NNInspectApp) -> Iterator[SystemCommand]:
    """The actions that can be done now."""
    for action in app.actions.values():
        if not action.why_not(app):
            keys = shown_keys(action, in_ascii=app.ascii)
            help = f"{keys}  {action.help}" if keys else action.help
            yield SystemCommand(action.title, help, partial(do, app, action.id))


def note_key(app: NNInspectApp, key: str) -> None:
    """A key was pressed: hints end with their use; where its action was given another, that is said."""
    taken = app.screen.active_bindings.get(key)
    moved = moved_from(key, app.actions)
    if taken is None and moved is not None:
        app.say(f"{moved.title} is on {shown_keys(moved)} now", "$text-warning")
    elif taken is not None and taken.binding.id is not None and app.remembering is not None:
        app.remembering.hints.used(taken.binding.id)

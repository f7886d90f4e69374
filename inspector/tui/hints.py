"""Hints for the first days: one short line at a time, gone for good once what it names was used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inspector.tui.action import Action, first_key

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

HINTS = (
    ("toggle", "folds"),
    ("menu", "lists what can be done here"),
    ("help", "has all keys"),
    ("next_pane", "goes to the panel"),
    ("search", "finds a row"),
    ("forward", "runs the model"),
    ("check", "looks for defects"),
    ("copy", "copies"),
    ("zoom", "zooms"),
    ("step_start", "steps through a pass"),
    ("initialise", "fills weights anew"),
)
"""Actions with what their key does, in the order in which they help."""


class Hints:
    """Which hint is on show."""

    def __init__(self, app: NNInspectApp, used: Iterable[str]) -> None:
        self._app = app
        self._used = set(used)
        self._on_show = False

    def begin(self) -> None:
        """From now on there is a hint on show."""
        self._on_show = True
        self._show()

    @property
    def used_ones(self) -> list[str]:
        """The actions used, of those that there are hints about."""
        return [id for id, _ in HINTS if id in self._used]

    def used(self, id: str) -> None:
        """An action was used."""
        if id not in self._used:
            self._used.add(id)
            if self._on_show:
                self._show()

    def _show(self) -> None:
        left = [(self._app.actions[id], does) for id, does in HINTS if id not in self._used]
        self._app.activity.hint = hint(*left[0], self._app.ascii) if left else ""


def hint(action: Action, does: str, in_ascii: bool = False) -> str:
    """A hint as it is shown."""
    key = first_key(action, in_ascii)
    return f"{key} {does}"

"""The line of keys at the bottom: as many as fit, the most important first, and the palette on the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from inspector.tui.action import Action, first_key
from inspector.tui.actions import APP_ACTIONS
from inspector.tui.mouse import LEFT
from inspector.tui.step_actions import STEP_ACTIONS

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

GAP = 2
LAST = "palette"
"""Stands on the right, at any width."""


class KeyLine(Widget):
    """Keys with what they do, dimmed where that cannot be done now; a click does it."""

    def on_mount(self) -> None:
        """Draw anew when what can be done changes."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def _wanted(self) -> list[Action]:
        """The actions to show, the most important first; while a pass waits those that step through it."""
        app = cast("NNInspectApp", self.app)
        stepped = [action for action in STEP_ACTIONS if action.in_stop_footer]
        shown = stepped if app.stepping.is_on else [action for action in APP_ACTIONS if action.in_footer]
        return [app.actions[action.id] for action in shown]

    def _placed(self) -> Iterator[tuple[int, Action]]:
        """The actions that fit, each with the cell it begins at."""
        last = cast("NNInspectApp", self.app).actions[LAST]
        end = self.size.width - 1 - self._width(last)
        at = 1
        for action in self._wanted():
            if at + self._width(action) + GAP > end:
                break
            yield at, action
            at += self._width(action) + GAP
        yield max(at, end), last

    def render(self) -> Content:
        """The line."""
        app = cast("NNInspectApp", self.app)
        parts: list[tuple[str, str]] = []
        filled = 0
        for at, action in self._placed():
            dim = "dim " if action.why_not(app) else ""
            parts += [
                (" " * (at - filled), ""),
                (self._key(action), f"{dim}bold $footer-key-foreground"),
                (f" {_title(action)}", f"{dim}$footer-description-foreground"),
            ]
            filled = at + self._width(action)
        return Content.assemble(*parts)

    def _key(self, action: Action) -> str:
        return first_key(action, cast("NNInspectApp", self.app).ascii, at_stop=True)

    def _width(self, action: Action) -> int:
        return cell_len(f"{self._key(action)} {_title(action)}")

    def on_click(self, event: events.Click) -> None:
        """Do what is under the mouse."""
        for at, action in self._placed():
            if event.button == LEFT and at <= event.x < at + self._width(action):
                cast("NNInspectApp", self.app).action_do(action.id)


def _title(action: Action) -> str:
    return action.short or action.title

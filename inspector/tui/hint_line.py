"""The line of keys in a dialog: what a click on one of them does is what the key does."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widgets import Static

from inspector.core.wording import printable

SEPARATOR = " · "
_NAMED = {"esc": "escape", "?": "question_mark", "space": "space", "enter": "enter", "tab": "tab"}


class HintLine(Static):
    """Parts such as ``y copies``, each beginning with its key; beside buttons only those that fit as a whole."""

    def __init__(self, text: str, *, id: str | None = None, classes: str | None = None, wraps: bool = True) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._wraps = wraps
        self._shown = ""
        self._text = text

    def on_mount(self) -> None:
        """Show what was given."""
        self.say(self._text)

    def say(self, text: str) -> None:
        """Other parts, or what came of the last one."""
        self._text = printable(text)
        self._draw()

    def on_resize(self) -> None:
        """There may be room for more of them, or for less."""
        self._draw()

    def _draw(self) -> None:
        parts = self._text.split(SEPARATOR)
        while parts and not self._wraps and cell_len(SEPARATOR.join(parts)) > self.size.width:
            parts.pop()
        self._shown = SEPARATOR.join(parts)
        self.update(Content(self._shown))

    def on_click(self, event: events.Click) -> None:
        """Press the key of the part under the mouse."""
        at = 0
        for part in self._shown.split(SEPARATOR):
            end = at + cell_len(part)
            word = part.split(" ")[0]
            key = _NAMED.get(word, word)
            if at <= event.x < end and key in self.screen.active_bindings:
                self.app.simulate_key(key)
            at = end + cell_len(SEPARATOR)

"""The line of keys in a dialog: what a click on one of them does is what the key does."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from inspector.core.wording import printable
from inspector.tui.mouse import LEFT

SEPARATOR = " · "
_NAMED = {"esc": "escape", "?": "question_mark", "space": "space", "enter": "enter", "tab": "tab"}


class HintLine(Static):
    """Parts such as ``y copies``, each beginning with its key; beside buttons only those that fit as a whole."""

    def __init__(self, text: str, *, id: str | None = None, classes: str | None = None, wraps: bool = True) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._wraps = wraps
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
        self.update(Content(SEPARATOR).join(map(_part, parts)))

    def on_click(self, event: events.Click) -> None:
        """Press the key of the part under the mouse."""
        key = event.style.meta.get("key")
        if event.button == LEFT and key in self.screen.active_bindings:
            self.app.simulate_key(key)


def _part(text: str) -> Content:
    """A part that knows its key, on whatever line it comes to stand."""
    word = text.partition(" ")[0]
    return Content.styled(text, Style.from_meta({"key": _NAMED.get(word, word)}))

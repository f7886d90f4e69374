"""The line for expressions at a stop; up and down bring back what was typed before."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from inspector.tui.dialog import Entry


class ExpressionLine(Entry):
    """A line to type in that remembers, over all stops."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", "Expression before", show=False),
        Binding("down", "recall(1)", "Expression after", show=False),
    ]

    def __init__(self, placeholder: str, *, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)
        self._typed: list[str] = []
        self._at = 0

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Remember what was typed, and be free for the next one."""
        expression = event.value.strip()
        if expression:
            self._typed = [*(one for one in self._typed if one != expression), expression]
        self._at = len(self._typed)
        self.value = ""

    def action_recall(self, by: int) -> None:
        """To what was typed before or after; behind the last one the line is empty."""
        self._at = max(0, min(len(self._typed), self._at + by))
        self.value = self._typed[self._at] if self._at < len(self._typed) else ""
        self.cursor_position = len(self.value)

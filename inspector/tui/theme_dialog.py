"""The dialog that chooses a theme: each is put on while the cursor is on it, and taken off where one goes back."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from inspector.tui.dialog import Dialog
from inspector.tui.lists import Options


class ThemeDialog(Dialog[str]):
    """One of the themes there are."""

    title_text = "Theme"
    button = "Keep"

    def __init__(self, names: Iterable[str], worn: str) -> None:
        """`worn` is the one on show."""
        super().__init__()
        self._names = sorted(names)
        self._worn = worn

    def fields(self) -> Iterable[Widget]:
        """The names."""
        yield Options(*(Option(name, id=name) for name in self._names), id="themes", compact=True, markup=False)

    def on_mount(self) -> None:
        """Begin on the theme on show."""
        self.query_one(OptionList).highlighted = self._names.index(self._worn)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Put it on."""
        self.app.theme = self._names[event.option_index]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Keep it."""
        event.stop()
        self.action_accept()

    def action_leave(self) -> None:
        """Back in the theme of before."""
        self.app.theme = self._worn
        super().action_leave()

    def result(self) -> str:
        """The one under the cursor."""
        return self.app.theme

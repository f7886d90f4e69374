"""Textual's own lists in dialogs, with the keys of vim beside the arrows."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList, RadioSet


class Options(OptionList):
    """A list to choose from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("ctrl+u", "page_up", "Page up", show=False),
        Binding("ctrl+d", "page_down", "Page down", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
    ]


class Choices(RadioSet):
    """Buttons of which one is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,h", "previous_button", "Previous", show=False),
        Binding("j,l", "next_button", "Next", show=False),
    ]

"""Things to read before going on: a refusal, what became of the worker, the script of the changes."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from inspector.core.wording import printable
from inspector.tui.page import MUTED, Page


class MessageScreen(ModalScreen[bool | None]):
    """A sentence in full, until any of the keys to go on is pressed; its result is whether to go to the log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "dismiss", "Go on"),
        Binding("L", "dismiss(True)", "Log"),
    ]

    def __init__(self, title: str, sentence: str) -> None:
        super().__init__()
        self._title = title
        self.sentence = sentence

    def compose(self) -> ComposeResult:
        """Title, text and a button."""
        page = Page()
        page.paragraph(self.sentence)
        with Vertical(id="dialog", classes="message"):
            yield Static(Content(printable(self._title)), id="title")
            with VerticalScroll(id="fields"):
                yield Static(page.content(), markup=False)
            with Horizontal(id="buttons"):
                yield Button("Go on", id="accept", variant="primary", compact=True)
                yield Static("L opens the log: what the model printed, and this", classes="hint", markup=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The button goes on."""
        event.stop()
        self.dismiss()


class ScriptScreen(ModalScreen[None]):
    """The changes as a Python script, to copy."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, script: str) -> None:
        super().__init__()
        self._script = script

    def compose(self) -> ComposeResult:
        """The script with syntax colours."""
        from textual.highlight import highlight

        code = "\n".join(printable(line.expandtabs(4)) for line in self._script.splitlines())
        with Vertical(id="dialog", classes="large"):
            yield Static("The changes so far as a Python script", id="title")
            with VerticalScroll(id="fields"):
                yield Static(highlight(code, language="python"), markup=False)
            yield Static(Content.styled("y copies · esc goes back", MUTED), id="hint")

    def action_copy(self) -> None:
        """Copy the script."""
        self.app.copy_to_clipboard(self._script)
        self.query_one("#hint", Static).update("copied · esc goes back")

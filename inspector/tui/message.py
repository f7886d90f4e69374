"""Things to read before going on: a refusal, what became of the worker, the script of the changes."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from inspector.core.traceback_text import own_frame
from inspector.core.wording import printable
from inspector.tui.hint_line import HintLine
from inspector.tui.page import Page, TextPanel
from inspector.tui.source_editor import open_source
from inspector.tui.traceback_page import traceback_page


class MessageScreen(ModalScreen[bool | None]):
    """A sentence in full, until any of the keys to go on is pressed; its result is whether to go to the log.

    Where code of the user's is behind it, its traceback follows: the frames of their own files, or all.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "dismiss", "Go on"),
        Binding("L", "dismiss(True)", "Log"),
        Binding("t", "all_frames", "All frames"),
        Binding("y", "copy", "Copy"),
        Binding("e", "edit", "Edit the source"),
    ]

    def __init__(self, title: str, sentence: str, traceback: str = "") -> None:
        super().__init__()
        self._title = title
        self.sentence = sentence
        self._traceback = traceback
        self._everything = False

    def compose(self) -> ComposeResult:
        """Title, text and a button."""
        with Vertical(id="dialog", classes="large" if self._traceback else "message"):
            yield Static(Content(printable(self._title)), id="title")
            yield TextPanel(id="fields")
            with Horizontal(id="buttons"):
                yield Button("Go on", id="accept", variant="primary", compact=True)
                yield HintLine(self._hint(), id="hint")

    def on_mount(self) -> None:
        """Fill the page."""
        self._draw()

    def _hint(self) -> str:
        if not self._traceback:
            return "L opens the log · y copies"
        frames = "t own frames" if self._everything else "t all frames"
        return f"{frames} · y copies · e edits the source · L opens the log"

    def _draw(self) -> None:
        page = Page()
        page.paragraph(self.sentence)
        if self._traceback:
            page.line()
            traceback_page(page, self._traceback, self._everything)
        self.query_one(TextPanel).show(page)
        self.query_one(HintLine).say(self._hint())

    def action_all_frames(self) -> None:
        """All frames of the traceback, or those of the user's own files."""
        if self._traceback:
            self._everything = not self._everything
            self._draw()

    def action_copy(self) -> None:
        """Copy the sentence and the whole traceback."""
        self.app.copy_to_clipboard("\n".join(filter(None, [self.sentence, self._traceback])))

    def action_edit(self) -> None:
        """Open the innermost of the user's own lines in their editor."""
        frame = own_frame(self._traceback)
        if frame is not None:
            problem = open_source(self.app, frame.file, frame.line)
            self.query_one(HintLine).say(f"{problem} · {self._hint()}" if problem else self._hint())

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
            yield HintLine("y copies · esc goes back", id="hint")

    def action_copy(self) -> None:
        """Copy the script."""
        self.app.copy_to_clipboard(self._script)

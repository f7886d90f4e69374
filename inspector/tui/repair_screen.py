"""What becomes of a file of weights in the model, to read, to copy from, and to go on from."""

from typing import ClassVar, Literal, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from inspector.core.repair import RepairReport
from inspector.core.repair_wording import containers, python
from inspector.core.wording import printable
from inspector.tui.hint_line import HintLine
from inspector.tui.page import TextPanel
from inspector.tui.repair_page import repair_page

Next = Literal["write", "load", "build", "choose"]
"""Write the mended file, open the model with it or the file itself, or with other constructor arguments; or look at
another state_dict of the file."""
HINT = "esc back"


class RepairScreen(ModalScreen[Next | None]):
    """A report on one file; its result is what to do next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("w", "go_on('write')", "Write"),
        Binding("l", "go_on('load')", "Load"),
        Binding("a", "go_on('build')", "Use the arguments"),
        Binding("c", "go_on('choose')", "Another state_dict"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, weights: str, report: RepairReport, command: str) -> None:
        """`command` is what to type to use the report's constructor arguments."""
        super().__init__()
        self._weights = weights
        self._report = report
        self._command = command

    def compose(self) -> ComposeResult:
        """Title, page, and what can be done."""
        with Vertical(id="dialog", classes="large"):
            yield Static(Content(printable(f"{self._weights} in this model")), id="title")
            yield TextPanel(id="fields")
            with Horizontal(id="buttons"):
                yield Button("w Write file", id="write", compact=True)
                yield Button(
                    "l Load the mended" if self._report.written else "l Load as it is", id="load", compact=True
                )
                if self._report.arguments:
                    yield Button("a With --args", id="build", compact=True)
                if containers(self._report)[1:]:
                    yield Button("c Other part", id="choose", compact=True)
                yield HintLine(HINT, id="hint")

    def on_mount(self) -> None:
        """Fill the page."""
        self.query_one(TextPanel).show(repair_page(self._report, self._command))

    def action_go_on(self, choice: Next) -> None:
        """Leave for what was chosen."""
        is_there = {"build": bool(self._report.arguments), "choose": len(containers(self._report)) > 1}
        if is_there.get(choice, True):
            self.dismiss(choice)

    def action_copy(self) -> None:
        """Copy the Python."""
        lines = python(self._report)
        if lines:
            # A terminal takes text, and a key may hold half a surrogate pair, which is none.
            self.app.copy_to_clipboard("\n".join(lines).encode(errors="replace").decode())
        else:
            self.query_one(HintLine).say("nothing to copy")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the ways to go on."""
        event.stop()
        self.action_go_on(cast("Next", event.button.id))

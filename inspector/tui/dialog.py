"""The frame of every dialog: title, fields, what is wrong with them, two buttons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, RadioButton, Static

from inspector.core.errors import RequestError
from inspector.core.wording import printable, shortened
from inspector.tui.hint_line import HintLine

R = TypeVar("R")
MARK = "●"
"""Of the chosen one of several."""


class Dialog(ModalScreen[R | None], Generic[R]):
    """Asks for something; returns it, or None where the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("ctrl+s", "accept", "Do it", priority=True),
        # Before the widgets: what is typed right after tab belongs to the next field.
        Binding("tab", "app.focus_next", "Next field", priority=True, show=False),
        Binding("shift+tab", "app.focus_previous", "Field before", priority=True, show=False),
    ]
    title_text = ""
    button = "OK"

    def compose(self) -> ComposeResult:
        """The frame around the fields."""
        with Vertical(id="dialog"):
            yield Static(Content(printable(self.title_text)), id="title")
            with VerticalScroll(id="fields", can_focus=False):
                yield from self.fields()
            yield Static("", id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button(self.button, id="accept", variant="primary", compact=True)
                yield Button("Cancel", id="leave", compact=True)
                yield HintLine("enter or ctrl+s · esc goes back", classes="hint", wraps=False)

    def fields(self) -> Iterable[Widget]:
        """The widgets to fill in."""
        raise NotImplementedError

    def result(self) -> R:
        """What was filled in; raises RequestError saying what is wrong with it."""
        raise NotImplementedError

    def wrong(self, sentence: str) -> None:
        """Say what is wrong with the fields, "" for nothing."""
        self.query_one("#wrong", Static).update(Content(printable(sentence)))

    def text(self, field: str) -> str:
        """What is typed in a field."""
        return self.query_one(f"#{field}", Input).value

    def whole_number(self, field: str, what: str, least: int | None = None, most: int | None = None) -> int:
        """The integer typed in a field; raises RequestError where it is none, below `least` or above `most`."""
        typed = self.text(field).strip()
        try:
            value = int(typed)
        except ValueError:
            raise RequestError(f"{what} is {shortened(typed)!r}; write an integer") from None
        if least is not None and value < least:
            raise RequestError(f"{what} is {value}; it must be at least {least}")
        if most is not None and value > most:
            raise RequestError(f"{what} is {value}; it must be at most {most}")
        return value

    def action_leave(self) -> None:
        """Go back without a result."""
        self.dismiss(None)

    def action_accept(self) -> None:
        """Return the result, or say what is wrong."""
        try:
            result = self.result()
        except RequestError as problem:
            self.wrong(str(problem))
            return
        self.dismiss(result)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two buttons."""
        event.stop()
        if event.button.id == "accept":
            self.action_accept()
        else:
            self.action_leave()


class Entry(Input):
    """A line to type in that takes its keys one after the other, however fast they come.

    Textual inserts characters at once, but backspace and enter come round later, behind what was typed after them.
    """

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and isinstance(self.screen, Dialog):
            event.stop()
            event.prevent_default()
            self.screen.action_accept()
        elif event.key in EDITING:
            event.stop()
            event.prevent_default()
            await self.app.run_action(EDITING[event.key], self)
        else:
            await super()._on_key(event)


EDITING = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and binding.action != "submit"
    for key in binding.key.split(",")
}
"""What Textual's own line does at which key."""


class Tick(Checkbox):
    """A checkbox whose mark, not its colour alone, says whether it is on."""

    def __init__(self, label: str, value: bool, *, id: str) -> None:
        self.BUTTON_INNER = "X" if value else " "
        super().__init__(Content(printable(label)), value, id=id, compact=True)

    def watch_value(self) -> None:
        """Show the mark, or none."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()


class Choice(RadioButton):
    """One of several to choose from; its mark, too, is there only while it is the one."""

    def __init__(self, label: str, value: bool) -> None:
        self.BUTTON_INNER = MARK if value else " "
        super().__init__(Content(printable(label)), value, compact=True)

    def watch_value(self) -> None:
        """Show the mark, or none."""
        self.BUTTON_INNER = MARK if self.value else " "
        super().watch_value()


def labelled(label: str, widget: Widget, hint: str = "") -> Widget:
    """A field with its label before it and a hint behind it."""
    parts: list[Widget] = [Static(Content(printable(label)), classes="label"), widget]
    if hint:
        parts.append(Static(Content(printable(hint)), classes="hint"))
    return Horizontal(*parts, classes="field")


def entry(id: str, value: str, label: str, hint: str = "") -> Widget:
    """A labelled line to type in."""
    return labelled(label, Entry(value=value, id=id, compact=True), hint)

"""Asks for other settings of one operation, and shows with every edit which shapes they would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Static

from inspector.core.errors import RequestError
from inspector.core.recipe import parse_inputs
from inspector.core.what_if import (
    NAMES,
    Operation,
    Proposal,
    Settings,
    WhatIfReport,
    by_two,
    keeping_size,
    parse_settings,
    written,
)
from inspector.core.wording import printable
from inspector.tui.conversation import Conversation
from inspector.tui.dialog import Dialog, Entry, Tick, entry, labelled
from inspector.tui.following import Following
from inspector.tui.hint_line import HintLine
from inspector.tui.page import TextPanel
from inspector.tui.what_if_page import what_if_page
from inspector.worker.protocol import WhatIf

LABELS = {"output_padding": "output pad", "ceil_mode": "ceil mode", "out_channels": "channels out"}
INPUTS = "inputs"
HINT = "esc undoes a field, then goes back"


class WhatIfDialog(Dialog[None]):
    """Other settings for one row's operation; nothing is ever applied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the widgets: in a line to type in these would edit it.
        Binding("ctrl+k", "keep_size", "Keep size", priority=True),
        Binding("ctrl+t", "by_two", "By two", priority=True),
    ]

    def __init__(self, conversation: Conversation, title: str, proposal: Proposal, report: WhatIfReport) -> None:
        """`report` is what the engine answers while nothing is changed."""
        super().__init__()
        self.title_text = f"What if: {title}"
        self._proposal = proposal
        self._first = report
        self._following = Following(conversation, self, what_if_page)

    def compose(self) -> ComposeResult:
        """Settings on the left, what they change on the right."""
        with Vertical(id="dialog", classes="large"):
            yield Static(Content(printable(self.title_text)), id="title")
            with Horizontal(id="columns"):
                with VerticalScroll(id="fields", can_focus=False):
                    yield from self.fields()
                yield TextPanel(id="preview")
            yield Static("", id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button("^k Keep size", id="keep", compact=True)
                two = "×2" if self._first.operation in ("conv_transpose", "max_unpool") else "/2"
                yield Button(f"^t {two}", id="two", compact=True)
                yield HintLine(HINT, classes="hint", wraps=False)

    def fields(self) -> Iterable[Widget]:
        """A line for each setting that the operation has, and the model's input."""
        for name, text in self._texts(self._first.now).items():
            label = LABELS.get(name, name.replace("_", " "))
            if name == "ceil_mode":
                yield labelled(label, Tick("round up", text == "yes", id=name))
            else:
                yield entry(name, text, label)
        yield entry(INPUTS, "; ".join(map(str, self._first.inputs)), "model input")

    @staticmethod
    def _texts(settings: Settings) -> dict[str, str]:
        known = {name: getattr(settings, name) for name in NAMES}
        return {name: written(value) for name, value in known.items() if value is not None}

    def on_mount(self) -> None:
        """Show the operation as it is."""
        self._following.show(self._first)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another number."""
        event.stop()
        self._refresh()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Another way of rounding."""
        event.stop()
        self._refresh()

    def _refresh(self) -> None:
        self._following.want(self._request)

    def _request(self) -> WhatIf:
        inputs = parse_inputs(self.text(INPUTS))
        return WhatIf(proposal=msgspec.structs.replace(self._proposal, settings=self._settings(), inputs=inputs))

    def _settings(self) -> Settings:
        typed = {name: self._typed(name) for name in self._texts(self._first.now)}
        return parse_settings(typed, self._first.now, self._first.operation)

    def _typed(self, name: str) -> str:
        widget = self.query_one(f"#{name}")
        return written(widget.value) if isinstance(widget, Tick) else self.text(name)

    def action_keep_size(self) -> None:
        """Choose the padding that keeps the size."""
        self._choose(keeping_size)

    def action_by_two(self) -> None:
        """Choose stride and padding that halve, or double, every size."""
        self._choose(by_two)

    def _choose(self, chosen: Callable[[Operation, Settings], Settings]) -> None:
        try:
            settings = chosen(self._first.operation, self._settings())
        except RequestError as problem:
            self.wrong(str(problem))
            return
        for name, text in self._texts(settings).items():
            widget = self.query_one(f"#{name}")
            if isinstance(widget, Tick):
                widget.value = text == "yes"
            elif isinstance(widget, Input):
                widget.value = text

    def action_leave(self) -> None:
        """Undo what was typed in the field on which one is; with nothing to undo, go back."""
        field = self.focused
        if isinstance(field, Entry) and field.id is not None:
            before = {**self._texts(self._first.now), INPUTS: "; ".join(map(str, self._first.inputs))}[field.id]
            if field.value != before:
                field.value = before
                return
        self.dismiss(None)

    def result(self) -> None:
        """Nothing: enter goes back."""

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two ways to find settings."""
        event.stop()
        # Textual goes on to the handler of every base class, and a dialog's own leaves.
        event.prevent_default()
        if event.button.id == "keep":
            self.action_keep_size()
        else:
            self.action_by_two()

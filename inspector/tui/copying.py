"""What can be copied of what is looked at, and the small menu to choose from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core import wording
from inspector.core.wording import printable, shortened
from inspector.tui.clipboard import copied_by_program, sequence
from inspector.tui.hint_line import HintLine
from inspector.tui.mouse import LEFT
from inspector.tui.page import CODE, LABELLED, Page, TextPanel
from inspector.tui.row_view import RowView
from inspector.tui.view import View

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

LABEL = 14


@dataclass(frozen=True)
class Copy:
    """One text to copy."""

    key: str
    what: str
    text: str


def copies(app: NNInspectApp, view: View) -> list[Copy]:
    """What can be copied now, the likeliest first."""
    row, tensor = view.row, view.tensor
    in_tree = app.focused is app.module_tree
    path = Copy("p", "path", view.spell(row.path))
    found = [path]
    if tensor is not None:
        key = Copy("k", "key", view.spell(tensor.key))
        expression = Copy("e", "expression", tensor.expression)
        shape = Copy("s", "shape", wording.shape(tensor.shape))
        tensors = [key, expression, shape] if app.side.current == "names" else [expression, key, shape]
        found = [path, *tensors] if in_tree else [*tensors, path]
    if in_tree or tensor is None:
        shapes = row.output_shapes or row.input_shapes
        found = [one for one in found if one.key != "s"]
        found.append(Copy("s", "shape", wording.shapes(shapes) if shapes else ""))
    found.append(Copy("r", "row as text", _row_text(app.rows_in_focus())))
    record = row if in_tree or tensor is None else tensor
    found.append(Copy("j", "row as JSON", json.dumps(msgspec.to_builtins(record), indent=2, ensure_ascii=False)))
    return [one for one in found if one.text]


def _row_text(rows: RowView) -> str:
    if rows.row_at is None:
        return ""
    cells = ("".join(text for text, _ in cell) for cell in rows.cells(rows.row_at, rows.widths))
    return "  ".join(filter(None, (text.strip() for text in cells)))


def ask_what_to_copy(app: NNInspectApp) -> None:
    """Ask which text, and copy it."""
    view = app.view()
    if view is not None:
        found = copies(app, view)
        app.push_screen(CopyScreen(found), lambda chosen: copy(app, chosen.text) if chosen else None)


def copy(app: NNInspectApp, text: str) -> None:
    """Bring a text into the clipboard, one way or another, and say which."""
    # A terminal takes text, and a name may hold half a surrogate pair, which is none.
    text = text.encode(errors="replace").decode()
    app.keep_copied(text)
    app.conversation.spawn(_copy(app, text))


async def _copy(app: NNInspectApp, text: str) -> None:
    short = shortened(text.partition("\n")[0])
    program = await copied_by_program(text, os.environ)
    if program:
        app.say(f"copied by {program}: {short}", "$text-success")
    elif app.send_to_terminal(sequence(text, os.environ)):
        app.say(f"copied through the terminal (OSC 52): {short}", "$text-success")
    else:
        app.push_screen(TextScreen(text))


class CopyScreen(ModalScreen[Copy | None]):
    """The texts to choose from by a letter, a click, or enter for the first; y too, as it was pressed before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("enter,y", "first", "The first"),
    ]

    def __init__(self, found: list[Copy]) -> None:
        super().__init__()
        self._copies = found

    def compose(self) -> ComposeResult:
        """A line for each."""
        with Vertical(id="dialog", classes="message"):
            yield Static("Copy", id="title")
            for one in self._copies:
                line = Content.assemble(
                    (f"{one.key}  ", CODE),
                    (f"{one.what:<{LABEL}}", LABELLED),
                    (shortened(printable(one.text.partition("\n")[0])), ""),
                )
                yield Static(line, id=f"copy-{one.key}", classes="choice", markup=False)
            yield HintLine(f"enter or y copies the {self._copies[0].what} · esc goes back", id="hint")

    def action_first(self) -> None:
        """The likeliest."""
        self.dismiss(self._copies[0])

    def on_key(self, event: events.Key) -> None:
        """The one whose letter was pressed."""
        if any(one.key == event.key for one in self._copies):
            # Further up the letter would be that of an action, once this screen has gone.
            event.stop()
            self._choose(event.key)

    def on_click(self, event: events.Click) -> None:
        """The one under the mouse."""
        if event.button == LEFT and event.widget is not None and event.widget.id is not None:
            self._choose(event.widget.id.removeprefix("copy-"))

    def _choose(self, key: str) -> None:
        chosen = next((one for one in self._copies if one.key == key), None)
        if chosen is not None:
            self.dismiss(chosen)


class TextScreen(ModalScreen[None]):
    """A text that no clipboard took, to be selected with the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The text under a line that says what to do."""
        with Vertical(id="dialog", classes="large"):
            yield Static("No clipboard was found", id="title")
            yield TextPanel(id="fields")
            yield HintLine("esc goes back · select the text with the mouse, holding shift", id="hint")

    def on_mount(self) -> None:
        """Fill the page."""
        page = Page()
        page.paragraph(self._text)
        self.query_one(TextPanel).show(page)

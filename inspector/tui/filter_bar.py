"""The line for a filter: it stays on show as long as the filter is on, and says how many rows that leaves."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from inspector.core.row_filters import FilterError, RowFilter, parse_filter
from inspector.core.wording import printable


class FilterBar(Horizontal):
    """Narrows the tree while one types; enter keeps the filter, esc drops it."""

    @dataclass
    class Changed(Message):
        """Another filter was typed; None for no filter."""

        filter: RowFilter | None

    @dataclass
    class Left(Message):
        """Keys are keys again."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._is_wrong = False
        """What is typed does not read, which is said until it does."""

    def compose(self) -> ComposeResult:
        """A prompt, the filter, how many rows it leaves or what is wrong with it."""
        yield Static("&", classes="prompt", markup=False)
        yield Input(id="filter", compact=True, placeholder="type:Conv2d params>1e6 -frozen | nan")
        yield Static("", id="left-over", markup=False)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def open(self) -> None:
        """Begin to type."""
        self.display = True
        line = self.query_one(Input)
        line.focus()
        line.action_select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter by what is typed so far, where it reads."""
        event.stop()
        self._is_wrong = False
        if not event.value.strip():
            self.post_message(self.Changed(None))
            return
        try:
            wanted = parse_filter(event.value)
        except FilterError as problem:
            self._is_wrong = True
            self._say(f"character {problem.at + 1}: {problem.what}", is_wrong=True)
        else:
            self.post_message(self.Changed(wanted))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self.post_message(self.Left())

    def clear(self) -> None:
        """Drop the filter."""
        line = self.query_one(Input)
        if line.value:
            line.value = ""
        else:
            self.post_message(self.Changed(None))
        self.post_message(self.Left())

    def show_count(self, found: int | None, rows: int, unanswered: str) -> None:
        """Say how many rows are found; None without a filter."""
        if self._is_wrong:
            return
        text = "" if found is None else f"{found:,} of {rows:,} rows"
        self._say(f"{text}; {unanswered}" if unanswered else text, is_wrong=bool(unanswered))

    def _say(self, text: str, is_wrong: bool) -> None:
        said = self.query_one("#left-over", Static)
        said.set_class(is_wrong, "-wrong")
        said.update(printable(text))

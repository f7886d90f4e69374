"""The line to search in: rows whose path, type or hyperparameters hold what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from inspector.core.table import Row
from inspector.tui.module_tree import ModuleTree


class SearchBar(Horizontal):
    """Moves the tree's cursor while one types; enter keeps the place, esc returns."""

    @dataclass
    class Found(Message):
        """A row was met."""

        row: int

    @dataclass
    class Left(Message):
        """The search is over."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tree: ModuleTree | None = None
        self._origin = 0
        """The tree's line to return to."""
        self._began = 0.0
        """Where that is among the rows."""
        self._found: list[int] = []

    def compose(self) -> ComposeResult:
        """A prompt, the input, the number of matches."""
        yield Static("/", id="prompt", markup=False)
        yield Input(id="sought", compact=True)
        yield Static("", id="matches", markup=False)

    @property
    def sought(self) -> str:
        """What was searched for last."""
        return self.query_one(Input).value

    def open(self, tree: ModuleTree) -> None:
        """Begin to search from the tree's cursor."""
        self._tree = tree
        self._origin, self._began = tree.row_at or 0, tree.position
        self.display = True
        sought = self.query_one(Input)
        sought.focus()
        sought.action_select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Go to the first match at or after where the search began."""
        event.stop()
        self._search()
        if self._found:
            self.post_message(self.Found(next((row for row in self._found if row >= self._began), self._found[0])))
        elif event.value:
            self.post_message(self.Found(self._origin))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the place."""
        event.stop()
        self.post_message(self.Left())

    def leave(self) -> None:
        """Return to where the search began."""
        self.post_message(self.Found(self._origin))
        self.post_message(self.Left())

    def step(self, by: int) -> None:
        """To the next match, or the one before; round the ends."""
        self._search()
        if not self._found or self._tree is None:
            return
        at = self._tree.position
        after = [row for row in self._found if row > at] or self._found
        before = [row for row in self._found if row < at] or self._found
        self.post_message(self.Found(after[0] if by > 0 else before[-1]))

    def _search(self) -> None:
        table = self._tree.table if self._tree else None
        sought = self.query_one(Input).value
        functions = self._tree.show_functions if self._tree else True
        self._found = matches(table.rows, sought, functions) if table and sought else []
        self.query_one("#matches", Static).update(f"{len(self._found):,} found" if sought else "")


def matches(rows: Sequence[Row], sought: str, functions: bool = True) -> list[int]:
    """The rows whose path, type or hyperparameters hold `sought`, in any case."""
    sought = sought.casefold()
    return [
        row.index
        for row in rows
        if (functions or row.kind != "function")
        and (sought in row.path.casefold() or sought in row.type.casefold() or sought in row.hyperparameters.casefold())
    ]

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
        """A row was met, or with `as_run` the line of the blocks that it is one of."""

        row: Row
        as_run: bool = False

    @dataclass
    class Left(Message):
        """The search is over."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tree: ModuleTree | None = None
        self._origin: tuple[Row, bool] | None = None
        """The row to return to, and whether it is the line of the blocks that it is one of."""
        self._began = 0.0
        """Where that is among the rows."""
        self._found: list[Row] = []

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
        self._origin = (tree.current, tree.is_at_run) if tree.current is not None else None
        self._began = tree.position
        self.display = True
        self.again()
        sought = self.query_one(Input)
        sought.focus()
        sought.action_select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Go to the first match at or after where the search began."""
        event.stop()
        self._search()
        if self._found:
            first = next((row for row in self._found if row.index >= self._began), self._found[0])
            self.post_message(self.Found(first))
        elif event.value:
            self._return()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the place."""
        event.stop()
        self.post_message(self.Left())

    def leave(self) -> None:
        """Return to where the search began."""
        self._return()
        self.post_message(self.Left())

    def step(self, by: int) -> None:
        """To the next match, or the one before; round the ends."""
        self._search()
        if not self._found or self._tree is None:
            return
        at = self._tree.position
        after = [row for row in self._found if row.index > at] or self._found
        before = [row for row in self._found if row.index < at] or self._found
        self.post_message(self.Found(after[0] if by > 0 else before[-1]))

    def again(self) -> None:
        """Look through the rows that there are now, while one searches."""
        if self.display:
            self._search()

    def _return(self) -> None:
        if self._origin is not None:
            self.post_message(self.Found(*self._origin))

    def _search(self) -> None:
        if self._tree is None or self._tree.table is None:
            return
        sought = self.query_one(Input).value
        self._found = matches(self._tree.table.rows, sought, self._tree.show_functions) if sought else []
        if self.display:
            self._tree.mark_sought(row.index for row in self._found)
        self.query_one("#matches", Static).update(f"{len(self._found):,} found" if sought else "")


def matches(rows: Sequence[Row], sought: str, functions: bool = True) -> list[Row]:
    """The rows whose path, type or hyperparameters hold `sought`, in any case."""
    sought = sought.casefold()
    return [
        row
        for row in rows
        if (functions or row.kind != "function")
        and (sought in row.path.casefold() or sought in row.type.casefold() or sought in row.hyperparameters.casefold())
    ]

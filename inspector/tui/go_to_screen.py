"""Asks which row to go to, and shows the best matches for what is typed so far."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from inspector.core import wording
from inspector.core.path_lookup import PathLookup
from inspector.core.table import ModelTable, Row
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView

HINT = "enter goes there · tab completes · up and down choose · esc goes back"


class GoToScreen(ModalScreen[Row | None]):
    """A line to type in above the rows that it may mean; its result is one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("tab", "complete", "Complete", priority=True, show=False),
        Binding("up,ctrl+p", "move('up')", "Up", priority=True, show=False),
        Binding("down,ctrl+n", "move('down')", "Down", priority=True, show=False),
        Binding("pageup", "move('page_up')", "Page up", priority=True, show=False),
        Binding("pagedown", "move('page_down')", "Page down", priority=True, show=False),
    ]

    def __init__(self, table: ModelTable, by_letters: bool) -> None:
        super().__init__()
        self._table = table
        self._lookup = PathLookup([])
        self._by_letters = by_letters

    def compose(self) -> ComposeResult:
        """What is asked, the line, the matches."""
        asked = "some letters of a path: l11at" if self._by_letters else "a path, or a row's number: layers.11.attn"
        with Vertical(id="dialog", classes="large"):
            yield Static("Find by letters" if self._by_letters else "Go to", id="title", markup=False)
            yield Input(placeholder=asked, id="wanted", compact=True)
            yield MatchList(self._table, id="places")
            yield Static(HINT, classes="hint", markup=False)

    async def on_mount(self) -> None:
        """Begin to type; before that the first rows are offered."""
        self.query_one(Input).focus()
        self._lookup = await asyncio.to_thread(PathLookup, self._table.rows)
        await self._offer("")

    async def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what fits; of several keys typed meanwhile, only for the last."""
        event.stop()
        if event.value == self.query_one(Input).value:
            await self._offer(event.value.strip())

    async def _offer(self, typed: str) -> None:
        look_up = self._lookup.by_letters if self._by_letters and typed else self._lookup.by_path
        self.query_one(MatchList).show(await asyncio.to_thread(look_up, typed))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the row that is chosen among the matches."""
        event.stop()
        row = self.query_one(MatchList).row_at
        if row is not None:
            self.dismiss(self._table.rows[row])

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """A double click goes there too."""
        event.stop()
        self.dismiss(self._table.rows[event.row])

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """These rows are not the panels'."""
        event.stop()

    def action_complete(self) -> None:
        """Type on as far as all paths agree; of letters the path that is chosen."""
        line, matches = self.query_one(Input), self.query_one(MatchList)
        if not self._by_letters:
            line.value = self._lookup.completed(line.value.strip())
        elif matches.row_at is not None:
            line.value = self._table.rows[matches.row_at].path
        line.cursor_position = len(line.value)

    def action_move(self, way: str) -> None:
        """Choose another match without leaving the line."""
        self.query_one(MatchList).action_rows(way)

    def action_leave(self) -> None:
        """Go nowhere."""
        self.dismiss(None)


class MatchList(RowView):
    """Rows that may be meant: path, type and parameters."""

    def __init__(self, table: ModelTable, *, id: str) -> None:
        super().__init__(id=id)
        self._table = table
        self._found: Sequence[int] = ()

    def show(self, found: Sequence[int]) -> None:
        """Show these rows of the table, the cursor on the first."""
        self._found = found
        self.rebuild(0)

    def lines(self) -> Sequence[int]:
        """The rows found."""
        return self._found

    def columns(self) -> Sequence[Column]:
        """Path, type, parameters, number."""
        return [
            Column(title="path", width=40, least=16, share=1, middle=True),
            Column(title="type", width=20, least=8, priority=2),
            Column(title="params", width=7, least=7, priority=1, right=True),
            Column(title="row", width=7, least=7, priority=3, right=True),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """A row's cells."""
        one = self._table.rows[row]
        return [
            [(one.path or self._table.model.name, "name")],
            [(one.type, "kind")],
            [(wording.count(one.parameters) if one.parameters else "", "number")],
            [(str(row), "muted")],
        ]

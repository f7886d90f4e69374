"""Where the row under the cursor is: the modules that hold it, from the root; a click goes to one of them."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from inspector.core.table import ModelTable, Row
from inspector.tui.cells import fit
from inspector.tui.mouse import LEFT
from inspector.tui.page import MUTED

BETWEEN = " › "
LEFT_OUT = "…"
LEAST_NAME = 8
"""Cells that a name keeps where even two are too long for the line."""


@dataclass(frozen=True)
class Crumb:
    """One of the modules on the way, as it is written; `row` is None for what stands for several left out."""

    text: str
    row: int | None


class Crumbs(Widget):
    """One line; where it is narrow, modules in the middle are left out."""

    @dataclass
    class Chosen(Message):
        """One of the modules was clicked."""

        row: int

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._way: list[Crumb] = []

    def show(self, table: ModelTable, row: Row, root: str) -> None:
        """Show the way to a row; the root is called `root`."""
        way: list[Crumb] = []
        at: Row | None = row
        while at is not None:
            way.append(Crumb(at.name or at.type if at.parent is not None else root, at.index))
            at = table.rows[at.parent] if at.parent is not None else None
        self._way = way[::-1]
        self.refresh()

    def shown(self) -> list[Crumb]:
        """What there is room for: the row and the root, then those nearest to the row."""
        room = self.size.width - 2
        way = [Crumb(fit(crumb.text, max(LEAST_NAME, room // 2 - 4), middle=True), crumb.row) for crumb in self._way]
        left_out = 0
        while left_out < len(way) - 2 and _width(_without(way, left_out)) > room:
            left_out += 1
        return _without(way, left_out)

    def render(self) -> Content:
        """The line."""
        parts: list[tuple[str, str]] = [(" ", "")]
        shown = self.shown()
        for number, crumb in enumerate(shown):
            parts.append((BETWEEN if number else "", MUTED))
            parts.append((crumb.text, "bold" if number == len(shown) - 1 else "$text-primary"))
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Go to the module under the mouse."""
        if event.button != LEFT:
            return
        left = 1
        for crumb in self.shown():
            if left <= event.x < left + cell_len(crumb.text) and crumb.row is not None:
                self.post_message(self.Chosen(crumb.row))
                return
            left += cell_len(crumb.text + BETWEEN)


def _without(way: list[Crumb], number: int) -> list[Crumb]:
    """The way without so many behind the root."""
    return [*way[:1], Crumb(LEFT_OUT, None), *way[1 + number :]] if number else way


def _width(way: list[Crumb]) -> int:
    return sum(cell_len(crumb.text) for crumb in way) + cell_len(BETWEEN) * (len(way) - 1)

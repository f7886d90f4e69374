"""One virtual list of aligned rows for everything long: the module tree, the tensors, the runs, the log.

Only lines on screen are built, so a hundred thousand rows scroll like ten; Textual's Tree and DataTable measure every
row and stop at some thousands. The first line is the header; row `r` is drawn on line ``r − scroll + 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from inspector.tui.action import bindings
from inspector.tui.cells import GAP, Cell, Column, fit_columns, strip_of
from inspector.tui.mouse import LEFT
from inspector.tui.row_actions import ROW_ACTIONS

ASCENDING, DESCENDING = "▲", "▼"
STYLES = ("title", "cursor", "match", "muted", "name", "kind", "number", "good", "warning", "error", "mark")


class RowView(ScrollView, can_focus=True):
    """Rows by number; a subclass says how many there are, what their cells hold and how they nest."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in (*STYLES, "cursor-blurred")}
    BINDINGS: ClassVar[list[BindingType]] = bindings(ROW_ACTIONS, dispatch="rows")

    cursor: reactive[int] = reactive(0, repaint=False)
    """The line under the cursor, counted over the rows on show."""

    @dataclass
    class CursorMoved(Message):
        """The cursor is on another row; `row` is what `row_at` says, None where there are no rows."""

        view: RowView
        row: int | None

        @property
        def control(self) -> RowView:
            """The view it comes from."""
            return self.view

    @dataclass
    class Chosen(Message):
        """Enter or a double click on a row."""

        view: RowView
        row: int

        @property
        def control(self) -> RowView:
            """The view it comes from."""
            return self.view

    @dataclass
    class TitleClicked(Message):
        """A click on the title of a column that rows are sorted by."""

        view: RowView
        key: str

        @property
        def control(self) -> RowView:
            """The view it comes from."""
            return self.view

    descending = False
    """Whether the largest come first, where rows are sorted."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: LRUCache[tuple[int, bool, bool], Strip] = LRUCache(2048)
        self._widths: list[int] = []
        self._columns: Sequence[Column] = ()

    def columns(self) -> Sequence[Column]:
        """The columns for what is on show now."""
        raise NotImplementedError

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """The cells of a row, one for each column; `widths` are the columns' cells on screen, 0 for dropped ones."""
        raise NotImplementedError

    def lines(self) -> Sequence[int]:
        """The rows on show, from the top."""
        raise NotImplementedError

    def row_style(self, row: int) -> str:
        """Style name for the whole row, "" for none."""
        return ""

    def fold_marker(self, row: int) -> int | None:
        """Where on the line of `row` the mark that folds it is drawn; None for rows that do not fold."""
        return None

    def unfold(self, row: int) -> bool:
        """Show what is below `row`; False where nothing is hidden there."""
        return False

    def fold(self, row: int) -> bool:
        """Hide what is below `row`; False where nothing is shown there."""
        return False

    def fold_all(self, row: int, folded: bool) -> None:
        """Hide or show everything below `row`."""

    def parent_of(self, row: int) -> int | None:
        """The row above `row` in the nesting."""
        return None

    def sibling_of(self, row: int, by: int) -> int | None:
        """The next row in the same place of the nesting (`by` 1), or the one before (-1)."""
        return None

    @property
    def sorted_by(self) -> str:
        """The `key` of the column that rows are sorted by, "" where they are in their own order."""
        return ""

    def sort_by_next(self) -> None:
        """By the column after the one that rows are sorted by; behind the last they are in their own order."""
        keys = [
            "",
            *(column.key for column, width in zip(self._columns, self._widths, strict=True) if column.key and width),
        ]
        self.sort_by(keys[(keys.index(self.sorted_by) + 1) % len(keys)] if self.sorted_by in keys else "")

    def sort_by(self, key: str) -> bool:
        """Sort the rows by a column, by the same once more the other way round; False where others do it."""
        return False

    @property
    def widths(self) -> Sequence[int]:
        """Cells of each column on screen, 0 for dropped ones."""
        return self._widths

    @property
    def row_at(self) -> int | None:
        """The row under the cursor; None where there are no rows."""
        lines = self.lines()
        return lines[self.cursor] if 0 <= self.cursor < len(lines) else None

    def rebuild(self, line: int | None = None) -> None:
        """Draw everything anew after rows or columns changed, the cursor on `line` where one is given."""
        total = len(self.lines())
        self._columns = self.columns()
        self._widths = fit_columns(self._columns, self.scrollable_content_region.width)
        self._strips.clear()
        self.virtual_size = Size(0, total + 1)
        self.set_reactive(RowView.cursor, max(0, min(self.cursor if line is None else line, total - 1)))
        self.refresh()
        self._keep_in_sight()
        self.post_message(self.CursorMoved(self, self.row_at))

    def go_to(self, line: int) -> None:
        """Put the cursor on a line, and that line on the screen."""
        self.cursor = max(0, min(line, len(self.lines()) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw two lines and tell who listens."""
        for line in (old, new):
            self.refresh_line(line + 1)
        self._keep_in_sight()
        if old != new:
            self.post_message(self.CursorMoved(self, self.row_at))

    def _keep_in_sight(self) -> None:
        page = self._page()
        top = self.scroll_offset.y
        if not top <= self.cursor < top + page:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - page + 1, animate=False, force=True)

    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def on_resize(self) -> None:
        """Fit the columns to the new width and keep the cursor on screen."""
        widths = fit_columns(self._columns, self.scrollable_content_region.width)
        if widths != self._widths:
            self._widths = widths
            self._strips.clear()
            self.refresh()
        self._keep_in_sight()

    def notify_style_update(self) -> None:
        """Forget strips in the former colours."""
        super().notify_style_update()
        self._strips.clear()

    def watch_has_focus(self, value: bool) -> None:
        """The cursor is drawn paler without focus."""
        super().watch_has_focus(value)
        self.refresh_line(self.cursor + 1)

    def render_line(self, y: int) -> Strip:
        """Line `y` of the widget: the header, or a row."""
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("rows--title")
            titles = [[(self._title(column), "")] for column in self._columns]
            return strip_of(self._columns, self._widths, titles, {}, style).adjust_cell_length(width, style)
        line = self.scroll_offset.y + y - 1
        lines = self.lines()
        if line >= len(lines):
            return Strip.blank(width, self.rich_style)
        return self._strip(lines[line], line == self.cursor).adjust_cell_length(width)

    def _title(self, column: Column) -> str:
        """With a mark at the column that rows are sorted by, in place of the gap before it where it is narrow."""
        if not column.key or column.key != self.sorted_by:
            return column.title
        return f"{DESCENDING if self.descending else ASCENDING}{column.title.removeprefix(' ')}"

    def _column_at(self, x: int) -> Column | None:
        left = 0
        for column, width in zip(self._columns, self._widths, strict=True):
            if width:
                left += width + GAP
                if x < left:
                    return column
        return None

    def _strip(self, row: int, under_cursor: bool) -> Strip:
        key = (row, under_cursor, self.has_focus)
        strip = self._strips.get(key)
        if strip is None:
            base = self._style("cursor" if self.has_focus else "cursor-blurred") if under_cursor else self.rich_style
            if under_cursor and self.app.no_color:
                # Greys that differ a little are no sign.
                base += Style(reverse=self.has_focus, underline=not self.has_focus)
            whole = self.row_style(row)
            styles = {name: self._foreground(name if name == "match" else whole or name) for name in STYLES}
            strip = strip_of(self._columns, self._widths, self.cells(row, self._widths), styles, base)
            strip = strip.adjust_cell_length(self.size.width, base)
            self._strips[key] = strip
        return strip

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"rows--{name}")

    def _foreground(self, name: str) -> Style:
        style = self._style(name)
        return Style(color=style.color, bold=style.bold or None, italic=style.italic or None)

    def on_click(self, event: events.Click) -> None:
        """One click puts the cursor, on the mark it folds; two choose the row. Other buttons only put the cursor."""
        if event.y == 0:
            column = self._column_at(event.x)
            if event.button == LEFT and column is not None and column.key and not self.sort_by(column.key):
                self.post_message(self.TitleClicked(self, column.key))
            return
        line = self.scroll_offset.y + event.y - 1
        lines = self.lines()
        if event.y < 1 or line >= len(lines):
            return
        row = lines[line]
        marker = self.fold_marker(row)
        self.go_to(line)
        if event.button != LEFT:
            return
        if marker is not None and marker <= event.x <= marker + 1:
            self.action_rows("toggle")
        elif event.chain == 2:
            self.action_rows("choose")

    def action_rows(self, id: str) -> None:
        """Carry out one of `ROW_ACTIONS`."""
        page = self._page()
        moves = {
            "up": self.cursor - 1,
            "down": self.cursor + 1,
            "page_up": self.cursor - page,
            "page_down": self.cursor + page,
            "first": 0,
            "last": len(self.lines()) - 1,
        }
        row = self.row_at
        if row is None:
            return
        if id in moves:
            self.go_to(moves[id])
        elif id == "open":
            if not self.unfold(row) and self.fold_marker(row) is not None:
                self.go_to(self.cursor + 1)
        elif id == "close":
            if not self.fold(row):
                self._go_to_row(self.parent_of(row))
        elif id == "toggle":
            _ = self.unfold(row) or self.fold(row)
        elif id == "parent":
            self._go_to_row(self.parent_of(row))
        elif id in ("next_sibling", "previous_sibling"):
            self._go_to_row(self.sibling_of(row, 1 if id == "next_sibling" else -1))
        elif id in ("open_all", "close_all"):
            self.fold_all(row, folded=id == "close_all")
        elif id == "choose":
            self.post_message(self.Chosen(self, row))

    def _go_to_row(self, row: int | None) -> None:
        lines = self.lines()
        if row is not None and row in lines:
            self.go_to(lines.index(row))

    def refresh_line(self, y: int) -> None:
        """Redraw virtual line `y`, where line 0 is the header."""
        self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))

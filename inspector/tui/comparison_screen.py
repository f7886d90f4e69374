"""The model and its ONNX file side by side: compared rows above, both trees below, in step."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core.export import ExportReport
from inspector.core.table import ModelTable
from inspector.tui.compared_row_list import ComparedRowList
from inspector.tui.export_page import export_page
from inspector.tui.module_tree import ModuleTree
from inspector.tui.page import MUTED, TextPanel
from inspector.tui.row_view import RowView

KEYS = "tab other list · ↑ ↓ move, all in step · p other sizes · esc goes back"


class ComparisonScreen(ModalScreen[None]):
    """A cursor in one of the three lists moves the two others to the rows that answer to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("p", "next_pass", "Other sizes"),
        Binding("tab", "app.focus_next", "Next list", priority=True, show=False),
        Binding("shift+tab", "app.focus_previous", "List before", priority=True, show=False),
    ]

    def __init__(self, report: ExportReport, table: ModelTable) -> None:
        """`table` is the model's."""
        super().__init__()
        self._report = report
        self._table = table
        self._pass = 0

    def compose(self) -> ComposeResult:
        """The page, the rows, the trees."""
        comparison, graph = self._report.comparison, self._report.graph
        with Vertical(id="comparison"):
            yield TextPanel(id="verdict")
            if comparison is not None and graph is not None:
                yield ComparedRowList(id="differences")
                with Horizontal(id="trees"):
                    yield ModuleTree(id="model-tree")
                    yield ModuleTree(id="graph-tree")
            yield Static(Content.styled(KEYS, MUTED), id="hint")

    def on_mount(self) -> None:
        """Fill the lists, the cursor where the two part."""
        self.query_one("#verdict", TextPanel).show(export_page(self._report))
        self.query_one("#verdict").can_focus = False
        if self._report.comparison is None or self._report.graph is None:
            return
        self.query_one("#model-tree", ModuleTree).show(self._table)
        self.query_one("#graph-tree", ModuleTree).show(self._report.graph)
        passes = self._report.comparison.passes
        self._pass = next((at for at, one in enumerate(passes) if one.first_divergence is not None), 0)
        self._show_pass()
        self.query_one(ComparedRowList).focus()

    def action_next_pass(self) -> None:
        """The comparison at other sizes."""
        if self._report.comparison is not None and self.query(ComparedRowList):
            self._pass = (self._pass + 1) % len(self._report.comparison.passes)
            self._show_pass()

    def _show_pass(self) -> None:
        assert self._report.comparison is not None
        made = self._report.comparison.passes[self._pass]
        self.query_one(ComparedRowList).show(made)
        count = len(self._report.comparison.passes)
        at = f"pass {self._pass + 1} of {count} on {' '.join(made.inputs)}, {made.dtype}"
        self.query_one("#hint", Static).update(Content.styled(f"{at} · {KEYS}", MUTED))

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """Let the other lists follow the one that has the keyboard."""
        event.stop()
        view = event.view
        if view is not self.focused and not isinstance(view, ComparedRowList):
            return
        differences = self.query_one(ComparedRowList)
        if isinstance(view, ModuleTree) and event.row is not None:
            differences.go_to_table_row(event.row, graph=view.id == "graph-tree")
            return
        row = differences.current
        if row is None:
            return
        for id, index in (("model-tree", row.row), ("graph-tree", row.node_row)):
            tree = self.query_one(f"#{id}", ModuleTree)
            if tree is not self.focused and index is not None and tree.table and index < len(tree.table.rows):
                tree.go_to_row(index)

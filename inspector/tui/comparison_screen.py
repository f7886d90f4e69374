"""Two models side by side, one of them an ONNX graph: compared rows above, both trees below, in step."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from inspector.core.row_comparison import RowComparison
from inspector.core.table import ModelTable
from inspector.tui.compared_row_list import ComparedRowList
from inspector.tui.hint_line import HintLine
from inspector.tui.module_tree import ModuleTree
from inspector.tui.page import Page, TextPanel
from inspector.tui.row_view import RowView

Wish = Literal["tensors", "another"]
KEYS = "esc back · tab other list · ↑ ↓ in step · p other sizes"
TENSORS = "t tensors · D another · "


class ComparisonScreen(ModalScreen[Wish | None]):
    """A cursor in one of the three lists moves the two others to the rows that answer to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("p", "next_pass", "Other sizes"),
        Binding("t", "wish('tensors')", "Tensors"),
        Binding("D", "wish('another')", "Another"),
        Binding("tab", "app.focus_next", "Next list", priority=True, show=False),
        Binding("shift+tab", "app.focus_previous", "List before", priority=True, show=False),
    ]

    def __init__(
        self,
        page: Page,
        comparison: RowComparison | None,
        table: ModelTable | None,
        graph: ModelTable | None,
        wishes: bool = False,
    ) -> None:
        """`table` and `graph` are what `row` and `node_row` of compared rows are indices in.

        `wishes`: whether there are tensors to be shown, and something else to compare with; the result says which.
        """
        super().__init__()
        self._page = page
        self._comparison = comparison
        self._tables = {"model-tree": table, "graph-tree": graph}
        self._keys = f"{TENSORS if wishes else ''}{KEYS}"
        self._wishes = wishes
        self._pass = 0

    def compose(self) -> ComposeResult:
        """The page, the rows, the trees."""
        with Vertical(id="comparison"):
            yield TextPanel(id="verdict")
            if self._comparison is not None:
                yield ComparedRowList(id="differences")
            with Horizontal(id="trees"):
                for id, table in self._tables.items():
                    if table is not None:
                        yield ModuleTree(id=id)
            yield HintLine(self._keys, id="hint")

    def on_mount(self) -> None:
        """Fill the lists, the cursor where the two part."""
        self.query_one("#verdict", TextPanel).show(self._page)
        self.query_one("#verdict").can_focus = False
        for id, table in self._tables.items():
            if table is not None:
                self.query_one(f"#{id}", ModuleTree).show(table)
        if self._comparison is None:
            self.query(ModuleTree).first().focus()
            return
        passes = self._comparison.passes
        self._pass = next((at for at, one in enumerate(passes) if one.first_divergence is not None), 0)
        self._show_pass()
        self.query_one(ComparedRowList).focus()

    def action_wish(self, wish: Wish) -> None:
        """Leave for the tensors, or for another comparison."""
        if self._wishes:
            self.dismiss(wish)

    def action_next_pass(self) -> None:
        """The comparison at other sizes."""
        if self._comparison is not None:
            self._pass = (self._pass + 1) % len(self._comparison.passes)
            self._show_pass()

    def _show_pass(self) -> None:
        assert self._comparison is not None
        made = self._comparison.passes[self._pass]
        self.query_one(ComparedRowList).show(made)
        at = f"pass {self._pass + 1} of {len(self._comparison.passes)} on {' '.join(made.inputs)}, {made.dtype}"
        self.query_one(HintLine).say(f"{at} · {self._keys}")

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """Let the other lists follow the one that has the keyboard."""
        event.stop()
        view = event.view
        if self._comparison is None or (view is not self.focused and not isinstance(view, ComparedRowList)):
            return
        differences = self.query_one(ComparedRowList)
        if isinstance(view, ModuleTree) and event.row is not None:
            differences.go_to_table_row(event.row, graph=view.id == "graph-tree")
            return
        row = differences.current
        if row is None:
            return
        for id, index in (("model-tree", row.row), ("graph-tree", row.node_row)):
            for tree in self.query(f"#{id}").results(ModuleTree):
                if tree is not self.focused and index is not None and tree.table and index < len(tree.table.rows):
                    tree.go_to_row(index)

"""What follows the cursor of each list: the row, the tensor, the finding looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.findings import Finding
from inspector.tui.finding_list import FindingList
from inspector.tui.row_view import RowView
from inspector.tui.run_list import RunList
from inspector.tui.tensor_list import TensorList

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def cursor_moved(app: NNInspectApp, view: RowView) -> None:
    """The tree's cursor chooses the row, so does the run's; the list's of tensors the tensor, that of findings both."""
    if view is app.module_tree:
        app.look()
    elif isinstance(view, TensorList) and view.current is not None:
        app.tensor_key = view.current.key
        app.look()
    elif isinstance(view, RunList) and view.has_focus and view.current_row is not None:
        app.module_tree.go_to_same(view.current_row)
    elif isinstance(view, FindingList) and view.has_focus:
        if view.finding is not None:
            _go_to_finding(app, view.finding)
        app.look()


def row_chosen(app: NNInspectApp, view: RowView) -> None:
    """Enter on a row goes to its panel, on a run's to its text, on a tensor to its values, on a finding to it."""
    if isinstance(view, RunList):
        app.side.query_one("#run").focus()
        return
    if isinstance(view, FindingList):
        if view.finding is not None:
            _go_to_finding(app, view.finding)
            app.look()
            app.module_tree.focus()
        return
    if isinstance(view, TensorList):
        app.side.open("values")
    app.focus_panel()


def _go_to_finding(app: NNInspectApp, finding: Finding) -> None:
    """Put the cursor on the row that a finding is about, and choose its tensor where it is about one."""
    app.module_tree.go_to_finding(finding)
    app.tensor_key = finding.path

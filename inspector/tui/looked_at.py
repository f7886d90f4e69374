"""What the panels look at now, out of all that the application holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.row_facts import failed_row
from inspector.tui.view import View

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def view_of(app: NNInspectApp) -> View | None:
    """The row under the cursor with all that is known of it, and the tensor chosen; None before there is a table."""
    table, row = app.table, app.module_tree.current
    if table is None or row is None:
        return None
    view = View(
        table=table,
        row=row,
        places=app.places,
        failed=failed_row(table) == row.index,
        repetition=app.module_tree.repetition,
        output_first=bool(row.values) and row.values[0] == app.output_key,
        report=app.report,
        report_is_old=app.report_is_old,
        kept=app.kept,
        two_runs=app.two_runs,
        clone=app.clone,
        memory=app.memory,
        plan=app.plan,
        check=app.check,
        check_is_old=app.check_is_old,
        under_way=app.conversation.under_way,
        stepped=app.stepping.now,
        spelling=app.spelling,
        wrapped=app.wrapped,
    )
    tensors = view.tensors
    wanted = app.tensor_key
    chosen = next((one for one in tensors if one.key == wanted), None) if wanted is not None else None
    return view.with_tensor(chosen or next(iter(view.own_tensors or tensors), None))

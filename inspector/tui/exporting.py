"""The action that exports the model: the dialog, the request, and the two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inspector.core.wording import size_in_bytes
from inspector.tui.inputs_chosen import current_inputs
from inspector.tui.save_dialog import suggested_path
from inspector.worker.protocol import Export

if TYPE_CHECKING:
    from inspector.core.export import ExportSettings
    from inspector.tui.app import NNInspectApp


def export(app: NNInspectApp) -> None:
    """Ask where to and how; write the file, and show how it compares."""
    from inspector.tui.export_dialog import ExportDialog

    def start(chosen: ExportSettings | None) -> None:
        if chosen is not None:
            app.export_settings = chosen
            app.conversation.spawn(run(chosen))

    async def run(chosen: ExportSettings) -> None:
        report = await app.conversation.ask(Export(settings=chosen), "exporting")
        if report is None or app.table is None:
            return
        if report.comparison is None:
            app.say(f"wrote {report.path}, {size_in_bytes(report.bytes)}, opset {report.opset}", "$text-success")
            return
        from inspector.core.row_comparison import verdict
        from inspector.tui.comparison_screen import ComparisonScreen
        from inspector.tui.export_page import export_page

        app.say(verdict(report.comparison), "$text-success" if report.comparison.agrees else "$text-error")
        app.push_screen(ComparisonScreen(export_page(report), report.comparison, app.table, report.graph))

    path = str(Path(suggested_path(app.recipe)).with_suffix(".onnx"))
    names = [one.name for one in app.table.inputs] if app.table is not None else []
    app.push_screen(ExportDialog(path, current_inputs(app), names, app.recipe.seed, app.export_settings), start)

"""What is shown after each answer of the engine: the records it changes, the panel it opens, the sentence it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.findings import CheckReport
from inspector.core.memory import MemoryReport
from inspector.core.placement import PlacementPlan
from inspector.core.results import EditReport, ForwardReport
from inspector.core.wording import duration, size_in_bytes, source_place
from inspector.tui.kept_run import compare_with_kept
from inspector.tui.opening import go_to_failure

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def show_edit(app: NNInspectApp, report: EditReport) -> None:
    """Show the model after a change, an undo or a redo."""
    app.report_is_old = app.check_is_old = True
    app.clone = app.memory = app.difference = None
    done = app.client.journal.done
    if done and done[-1] is report.edit:
        app.changed[len(done)] = report.keys
    app.can_undo, app.can_redo = report.can_undo, report.can_redo
    app.show_table(report.table)
    app.say(report.message, "$text-success")


def show_report(app: NNInspectApp, report: ForwardReport) -> None:
    """Show a real pass."""
    app.report, app.report_is_old = report, False
    compared = compare_with_kept(app)
    # Values of the pass before.
    app.side.forget()
    app.show_table(report.table)
    app.side.open("activations")
    first = report.first_nonfinite
    if first is not None:
        at = f", {source_place(first.source)}" if first.source else ""
        app.say(f"first NaN or Inf in {first.path or 'the root'}{at}", "$text-error")
    else:
        told = [f"the pass took {duration(report.seconds)}, seed {report.seed}", compared]
        app.say("; ".join(filter(None, told)), "$text-success")
    go_to_failure(app)


def show_memory(app: NNInspectApp, report: MemoryReport) -> None:
    """Show the figures of memory."""
    app.memory = report
    app.module_tree.go_to(0)
    app.side.open("overview")
    app.look()
    peaks = ((report.training, "training"), (report.inference, "inference"))
    told = [f"{what} takes {size_in_bytes(peak.bytes)} at most" for peak, what in peaks if peak is not None]
    app.say(", ".join(told), "$text-success")


def show_plan(app: NNInspectApp, plan: PlacementPlan) -> None:
    """Show where a plan puts the rows."""
    app.plan = plan
    app.show_tree()
    app.module_tree.go_to(0)
    app.side.open("overview")
    app.look()
    crossing = f"{size_in_bytes(plan.crossing_bytes)} of inputs cross devices in a pass"
    app.say(crossing if plan.fits else "the plan does not fit", "$text-success" if plan.fits else "$text-warning")


def show_check(app: NNInspectApp, report: CheckReport) -> None:
    """Show what was found, and mark it in the tree."""
    app.check, app.check_is_old = report, False
    app.show_tree()
    app.side.open("check")
    app.look()
    app.say(report.outcome, "$text-warning" if report.findings else "$text-success")

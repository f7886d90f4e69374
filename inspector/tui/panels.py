"""The panels beside the tree: each draws itself from the view, and may want one answer of the engine for it."""

from __future__ import annotations

from typing import Any, Protocol

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from inspector.core import wording
from inspector.core.results import KeyExplanation, SourceReport
from inspector.core.run_comparison import change_text, compared_name
from inspector.core.table import Row
from inspector.core.wording import UNKNOWN, printable
from inspector.tui import plots
from inspector.tui.depth_plot import depth_part
from inspector.tui.gradient_plot import gradient_flow_part, own_gradients
from inspector.tui.keys_here import keyed
from inspector.tui.names import names
from inspector.tui.overview import overview
from inspector.tui.page import ERROR, MUTED, WARNING, Page, TextPanel
from inspector.tui.run_columns import pair
from inspector.tui.run_list import RunList
from inspector.tui.run_of_row import index_in, run_in
from inspector.tui.share_bars import time_shares
from inspector.tui.source_page import caller_or_own, caption, line_to_mark, source_page
from inspector.tui.tensor_list import TensorList, tensor_page
from inspector.tui.view import LISTED_BELOW, View
from inspector.tui.waiting import waiting
from inspector.worker.protocol import Explain, Forward, Request, SourceOf

EXPLAINED = 40
"""Keys whose parts are told at once: of more it takes longer than a frame to set their lines."""


RUNS = "A pass runs; {cancel} cancels it."
NO_PASS = "No pass has run on real values yet. Press {forward} to run one."


class Panel(Protocol):
    """What the side asks of a panel."""

    def wanted(self, view: View) -> Request[Any] | None:
        """The request whose answer the panel shows; None if the view is enough."""

    def show_view(self, view: View, answer: Any) -> None:
        """Draw; `answer` is None until it has come, and the exception where there was one."""


class OverviewPanel(TextPanel):
    """What is known about the row."""

    def wanted(self, view: View) -> Request[Any] | None:
        """Nothing: it is all in the table."""
        return None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the overview."""
        self.show(overview(view.table, view.row, view.failed, view.memory, view.repetition, view.plan))


class NamesPanel(TextPanel):
    """The keys of the row's tensors, part by part."""

    def wanted(self, view: View) -> Request[Any] | None:
        """The explanations of the row's own keys, else of those below it."""
        keys = [tensor.key for tensor in view.own_tensors or view.tensors][:EXPLAINED]
        return Explain(keys=keys) if keys else None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the explanations."""
        explanations: list[KeyExplanation] = answer if isinstance(answer, list) else []
        if explanations:
            self.show(names(explanations, view))
        else:
            meanwhile = "working out what each part of the keys means…" if self.wanted(view) else ""
            self.show(waiting(answer, "no tensor here has a key", meanwhile))


class SourcePanel(Vertical):
    """The code, of the row's forward or of the call, under a caption that stays."""

    def compose(self) -> ComposeResult:
        """Whose code it is above the code."""
        yield Static(id="whose", markup=False)
        yield TextPanel(id="code")

    def wanted(self, view: View) -> Request[Any] | None:
        """The code that is shown."""
        if view.table.model.framework == "file":
            return None
        return SourceOf(path=caller_or_own(view.table, view.row), line=line_to_mark(view))

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the code with its line numbers."""
        whose, code = self.query_one("#whose", Static), self.query_one(TextPanel)
        text = caption(answer, view) if isinstance(answer, SourceReport) else ""
        whose.update(Content(printable(text)))
        whose.display = bool(text)
        if isinstance(answer, SourceReport):
            content, line = source_page(answer, view)
            code.show(content)
            code.scroll_to(y=max(0, line - 4), animate=False)
        else:
            code.show(
                waiting(answer, "a file of tensors has no source", "reading the source…" if self.wanted(view) else "")
            )


class ParametersPanel(Vertical):
    """The tensors at or below the row, and more about the chosen one."""

    def compose(self) -> ComposeResult:
        """A list above a text."""
        yield TensorList(id="tensors")
        yield TextPanel(id="tensor")

    def wanted(self, view: View) -> Request[Any] | None:
        """Nothing: it is all in the table."""
        return None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the list, unless it is already there, and the chosen tensor."""
        self.query_one(TensorList).show(view)
        self.query_one("#tensor", TextPanel).show(tensor_page(view))


class RunPanel(Vertical):
    """The last real pass: statistics and time of every row, and more about this one."""

    def compose(self) -> ComposeResult:
        """A list above a text."""
        yield RunList(id="runs")
        yield TextPanel(id="run")

    def wanted(self, view: View) -> Request[Any] | None:
        """Nothing: the pass has been asked for before."""
        return None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the list and this row's numbers."""
        runs = self.query_one(RunList)
        runs.display = view.report is not None
        runs.show(view)
        self.query_one(TextPanel).show(self._page(view))

    def _page(self, view: View) -> Page:
        page = Page()
        report = view.report
        if report is None and view.clone is None:
            runs = Forward in view.under_way
            page.line((keyed(RUNS if runs else NO_PASS), MUTED))
            return page
        if report is not None and view.report_is_old:
            page.line((keyed("from before the last change; {forward} runs it again"), WARNING))
        if report is not None and view.kept is report:
            page.line((keyed("kept as before: the next run is compared with it; {drop_run} drops it"), MUTED))
        run = run_in(report, view.row)
        if run is not None and run.statistics is not None:
            page.line((_called(view.row), "bold"), f"  {wording.shapes(view.row.output_shapes)}")
            if report is not None and report.batches > 1:
                page.line((f"over {report.batches} batches; times are medians", MUTED))
            page.fact("time", f"{wording.duration(run.seconds)}, {wording.duration(run.self_seconds)} of its own")
            page.fact("output", wording.size_in_bytes(run.output_bytes))
            if run.gradient_norm is not None:
                page.fact("gradient", f"norm {wording.number(run.gradient_norm)}")
            if run.saved_bytes:
                page.fact("kept", f"{wording.size_in_bytes(run.saved_bytes)} for the backward pass, in train mode")
            _compared(page, view)
            _gradients(page, view)
            if view.two_runs is not None or (report is not None and report.gradients):
                page.heading("Values")
            plots.statistics(page, run.statistics)
        elif report is not None:
            page.line((f"{_called(view.row)}: not measured in this pass", MUTED))
        if view.row.parent is None:
            _outcome(page, view)
            if report is not None:
                depth_part(page, report)
        if report is not None:
            time_shares(page, view.table, view.row, report)
        return page


def _called(row: Row) -> str:
    return row.type if row.kind == "function" else row.path or row.type


def _compared(page: Page, view: View) -> None:
    """This row before and after; at the root also which rows changed most."""
    runs, at = view.two_runs, index_in(view.report, view.row)
    one = runs.by_row.get(at) if runs is not None and at is not None else None
    if runs is None or one is None:
        return
    page.heading("Before | after", change_text(one) or "as before")
    for quantity in one.quantities:
        before, after = pair(quantity)
        page.fact(quantity.name, f"{before or UNKNOWN} | {after or UNKNOWN}")
    if view.row.parent is None:
        page.heading("Changed most")
        page.bullets([f"{compared_name(row)}: {change_text(row)}" for row in runs.most] or ["no row by 5 % or more"])
        alone = [compared_name(row) for row in runs.rows if row.after_row is None]
        if alone:
            page.heading("Only in the run before")
            page.bullets(alone[:LISTED_BELOW])


def _gradients(page: Page, view: View) -> None:
    """After a backward pass: how gradients fare over depth, then those of the row's own parameters."""
    if view.report is not None and view.report.gradients:
        gradient_flow_part(page, view, view.report)
        own_gradients(page, view, view.report)


def _outcome(page: Page, view: View) -> None:
    if view.report is not None:
        first = view.report.first_nonfinite
        if first is not None:
            page.heading("First NaN or Inf")
            page.line((f"{first.path}, call {first.call + 1}", ERROR))
            if first.source:
                page.line(f"{wording.source_place(first.source)}  {first.source.text.strip()}")
        if view.report.timing is not None:
            page.heading("Timed")
            page.paragraph(wording.timing(view.report.timing))
        if view.report.optimised is not None:
            page.heading("Optimised")
            page.paragraph(wording.optimised_run(view.report.optimised))
        for output in view.report.outputs:
            page.heading(f"Output {output.name}".rstrip(), f"{wording.shape(output.shape)} {output.dtype}")
            page.paragraph(output.text)
        missing = [one for one in view.report.gradients if one.gradient is None and one.gradient_note]
        if missing:
            page.heading("Without gradient")
            page.bullets(f"{view.spell(one.key)}: {one.gradient_note}" for one in missing[:LISTED_BELOW])
    if view.clone is not None:
        page.heading("Loaded clone")
        style = "$text-success" if view.clone.equal else ERROR
        page.line(("Y_clone == Y" if view.clone.equal else "Y_clone ≠ Y", style))
        page.paragraph(view.clone.explanation)

"""The panels beside the tree: each draws itself from the view, and may want one answer of the engine for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from inspector.core import wording
from inspector.core.results import KeyExplanation, SourceReport, ValuesReport
from inspector.core.table import Row
from inspector.core.wording import printable
from inspector.tui import plots
from inspector.tui.keys_here import with_keys
from inspector.tui.names import names
from inspector.tui.overview import overview
from inspector.tui.page import ERROR, MUTED, WARNING, Page, TextPanel
from inspector.tui.run_list import RunList, run_of
from inspector.tui.source_page import caller_or_own, caption, line_to_mark, source_page
from inspector.tui.tensor_list import TensorList, tensor_page
from inspector.tui.value_grid import value_grid
from inspector.tui.view import LISTED_BELOW, View
from inspector.worker.protocol import Explain, Request, SourceOf, Values

LARGEST_SHOWN = 4


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
        self.show(overview(view.table, view.row, view.failed, view.memory, view.repetition))


class NamesPanel(TextPanel):
    """The keys of the row's tensors, part by part."""

    def wanted(self, view: View) -> Request[Any] | None:
        """The explanations of the row's own keys, else of those below it."""
        keys = [tensor.key for tensor in view.own_tensors or view.tensors][:LISTED_BELOW]
        return Explain(keys=keys) if keys else None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the explanations."""
        explanations: list[KeyExplanation] = answer if isinstance(answer, list) else []
        self.show(names(explanations, view) if explanations else waiting(answer, "no tensor here has a key"))


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
            code.show(waiting(answer, "a file of tensors has no source"))


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


class ValuesPanel(Vertical):
    """Statistics, histogram and a slice of one tensor."""

    @dataclass
    class Asked(Message):
        """Another index was typed."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._key = ""

    def compose(self) -> ComposeResult:
        """An index above a text."""
        yield Input(placeholder="index, for example [0, :, 3:5]", id="index", compact=True, select_on_focus=False)
        yield TextPanel(id="values")

    def wanted(self, view: View) -> Request[Any] | None:
        """The values at the index typed."""
        if view.tensor is None or view.tensor.lazy:
            return None
        index = self.query_one(Input).value if view.tensor.key == self._key else ""
        return Values(key=view.tensor.key, index=index)

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the values, or say why there are none."""
        key = view.tensor.key if view.tensor else ""
        if key != self._key:
            self._key = key
            with self.prevent(Input.Changed):
                self.query_one(Input).value = ""
        if isinstance(answer, ValuesReport):
            self.query_one(TextPanel).show(self._page(answer, view))
        else:
            nothing = "no pass has given this tensor a shape yet" if view.tensor else "no tensor here"
            self.query_one(TextPanel).show(waiting(answer, nothing))

    def _page(self, report: ValuesReport, view: View) -> Page:
        page = Page()
        page.line((view.spell(report.key), "bold"), (f"  {wording.shape(report.shape)}", ""), f"  {report.dtype}")
        page.line()
        plots.statistics(page, report.statistics)
        _sizes(page, report)
        if report.rows:
            value_grid(page, report, (view.tensor.shape if view.tensor else None) or [])
        return page

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask for the values at the new index."""
        event.stop()
        self.post_message(self.Asked())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter leaves the index, so that keys are keys again."""
        event.stop()
        self.query_one(TextPanel).focus()


def _sizes(page: Page, report: ValuesReport) -> None:
    """The norms, and the elements of largest absolute value."""
    if report.norms is not None and report.norms.infinity is not None:
        named = {"‖x‖₁": report.norms.one, "‖x‖₂": report.norms.two, "‖x‖∞": report.norms.infinity}
        page.fact("norms", ", ".join(f"{name} {wording.number(value)}" for name, value in named.items()))
    if len(report.largest) > 1:
        found = report.largest[:LARGEST_SHOWN]
        page.fact("largest", "\n".join(f"{wording.number(one.value):>10}  at {one.index}" for one in found))


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
            page.line(("No pass has run on real values yet. Press f to run one.", MUTED))
            return page
        if report is not None and view.report_is_old:
            page.line(("from before the last change; f runs it again", WARNING))
        run = run_of(view)
        if run is not None and run.statistics is not None:
            page.line((_called(view.row), "bold"), f"  {wording.shapes(view.row.output_shapes)}")
            page.fact("time", f"{wording.duration(run.seconds)}, {wording.duration(run.self_seconds)} of its own")
            page.fact("output", wording.size_in_bytes(run.output_bytes))
            if run.gradient_norm is not None:
                page.fact("gradient", f"norm {wording.number(run.gradient_norm)}")
            plots.statistics(page, run.statistics)
        elif report is not None:
            page.line((f"{_called(view.row)}: not measured in this pass", MUTED))
        if view.row.parent is None:
            _outcome(page, view)
        return page


def _called(row: Row) -> str:
    return row.type if row.kind == "function" else row.path or row.type


def _outcome(page: Page, view: View) -> None:
    if view.report is not None:
        first = view.report.first_nonfinite
        if first is not None:
            page.heading("First NaN or Inf")
            page.line((f"{first.path}, call {first.call + 1}", ERROR))
            if first.source:
                page.line(f"{wording.source_place(first.source)}  {first.source.text.strip()}")
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


def waiting(answer: Any, nothing: str) -> Page:
    """What a panel says without its answer: the reason, or that there is nothing."""
    page = Page()
    if isinstance(answer, Exception):
        page.paragraph(with_keys(str(answer)), ERROR)
    else:
        page.line((nothing if answer is None else "", MUTED))
    return page

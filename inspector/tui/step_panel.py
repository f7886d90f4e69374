"""The ninth panel: where a pass waits and why, the source, the values there, and a line to evaluate expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from inspector.core.results import SourceReport
from inspector.tui.expression_line import ExpressionLine
from inspector.tui.keys_here import keyed
from inspector.tui.page import Page, TextPanel
from inspector.tui.source_page import numbered
from inspector.tui.step_page import evaluated_page, outcome_page, place_page, values_page
from inspector.tui.stepping import SteppedPass
from inspector.tui.view import View
from inspector.tui.waiting import waiting
from inspector.worker.protocol import Request, SourceOf

NOT_STEPPING = "No pass is stepped through. Press {step_start} to begin one."
PROMPT = "an expression to evaluate here: x.mean(), output[0].shape"


class StepPanel(Vertical):
    """The debugger's page."""

    @dataclass
    class Asked(Message):
        """An expression was typed."""

        expression: str

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[SteppedPass | None, Any] | None = None

    def compose(self) -> ComposeResult:
        """Place, source, values, and the line with what it gave."""
        yield Static(id="stop-place", markup=False)
        yield TextPanel(id="stop-source")
        yield TextPanel(id="stop-values")
        yield ExpressionLine(PROMPT, id="expression")
        yield TextPanel(id="evaluated")

    @property
    def expression(self) -> Input:
        """The line to type in."""
        return self.query_one("#expression", Input)

    def wanted(self, view: View) -> Request[Any] | None:
        """The source of the row's own forward, where no function of the user's is running."""
        stop = view.stepped.stop if view.stepped is not None else None
        return SourceOf(path=stop.row.path) if stop is not None and not stop.frames else None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw, unless all of it is drawn already: a cursor that moves in the tree leaves the panel as it is."""
        stepped = view.stepped
        if self._shown is not None and self._shown[0] is stepped and self._shown[1] is answer:
            return
        before, self._shown = self._shown, (stepped, answer)
        waits = stepped is not None and stepped.stop is not None
        for part in ("#stop-place", "#stop-source"):
            self.query_one(part).display = waits
        self.expression.display = waits and view.table.model.framework == "torch"
        results, values = self.query_one("#evaluated", TextPanel), self.query_one("#stop-values", TextPanel)
        results.display = stepped is not None and bool(stepped.evaluated)
        if stepped is None:
            page = Page()
            page.paragraph(keyed(NOT_STEPPING))
            values.show(page)
        elif stepped.stop is None:
            values.show(outcome_page(stepped.report))
        else:
            results.show(evaluated_page(stepped.evaluated))
            was = before[0] if before is not None else None
            if was is None or (was.report, was.frame) != (stepped.report, stepped.frame):
                values.show(values_page(stepped))
            self.query_one("#stop-place", Static).update(place_page(stepped).content(self.size.width - 2))
            self._show_source(stepped, answer)

    def _show_source(self, stepped: SteppedPass, answer: Any) -> None:
        source, frame = self.query_one("#stop-source", TextPanel), stepped.looked_at
        lines = 1
        if frame is not None and frame.code:
            lines = len(frame.code.splitlines())
            line = frame.source.line
            source.show(numbered(frame.code, frame.first_line, line, frame.columns))
            self.call_after_refresh(self._centre, line - frame.first_line)
        elif frame is not None:
            page = Page()
            page.line(frame.source.text)
            source.show(page)
        elif isinstance(answer, SourceReport):
            lines = len(answer.text.splitlines())
            source.show(numbered(answer.text, answer.first_line, None))
        else:
            source.show(waiting(answer, meanwhile="reading the source…"))
        source.styles.height = lines

    def _centre(self, line: int) -> None:
        """Put a line of the source in the middle."""
        source = self.query_one("#stop-source", TextPanel)
        source.scroll_to(y=max(0, line - source.size.height // 2), animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Ask for the value."""
        event.stop()
        expression = event.value.strip()
        if expression:
            self.post_message(self.Asked(expression))

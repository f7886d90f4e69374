"""The panels beside the tree: one on show, a line of tabs above, their answers fetched and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from inspector.core.results import ValuesReport
from inspector.tui.check_panel import CheckPanel
from inspector.tui.field_panel import FieldPanel
from inspector.tui.page import MUTED
from inspector.tui.panels import (
    NamesPanel,
    OverviewPanel,
    Panel,
    ParametersPanel,
    RunPanel,
    SourcePanel,
)
from inspector.tui.picture_view import PictureView
from inspector.tui.step_panel import StepPanel
from inspector.tui.values_panel import ValuesPanel
from inspector.tui.view import View
from inspector.worker.protocol import Request

TITLES = {
    "overview": "Overview",
    "parameters": "Params",
    "names": "Names",
    "values": "Values",
    "activations": "Run",
    "source": "Source",
    "field": "Field",
    "check": "Check",
    "step": "Step",
}
"""The panels by id, in the order of their numbers."""
SOMETIMES = "step"
"""The panel whose tab is there only while it has something to show."""
NUMBER = "$text-accent"
ANSWERS_KEPT = 500
"""Answers remembered for the panels, the oldest dropped: pictures of every tensor of a large model take much memory."""


class Side(Vertical):
    """The panels, and what the engine answered for them."""

    @dataclass
    class Wanted(Message):
        """A panel on show needs an answer that is not here yet."""

        request: Request[Any]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.view: View | None = None
        self._answers: dict[str, Any] = {}

    def compose(self) -> ComposeResult:
        """Tabs above the panels."""
        yield PanelTabs(id="tabs")
        with ContentSwitcher(initial="overview", id="panels"):
            yield OverviewPanel(id="overview")
            yield ParametersPanel(id="parameters")
            yield NamesPanel(id="names")
            yield ValuesPanel(id="values")
            yield RunPanel(id="activations")
            yield SourcePanel(id="source")
            yield FieldPanel(id="field")
            yield CheckPanel(id="check")
            yield StepPanel(id="step")

    @property
    def field(self) -> FieldPanel:
        """The panel that draws receptive fields."""
        return self.query_one(FieldPanel)

    @property
    def values(self) -> ValuesPanel:
        """The panel that shows a tensor's values."""
        return self.query_one(ValuesPanel)

    @property
    def picture(self) -> PictureView:
        """The picture in it."""
        return self.query_one(PictureView)

    @property
    def step(self) -> StepPanel:
        """The panel of a pass that is stepped through."""
        return self.query_one(StepPanel)

    @property
    def current(self) -> str:
        """The id of the panel on show."""
        return self.query_one(ContentSwitcher).current or "overview"

    def open(self, panel: str) -> None:
        """Put a panel on show."""
        self.query_one(ContentSwitcher).current = panel
        self.query_one(PanelTabs).current = panel
        self.redraw()

    def look_at(self, view: View) -> None:
        """Draw the panel on show for another view."""
        self.view = view
        self.query_one(PanelTabs).stepping = view.stepped is not None
        self.redraw()

    def forget(self) -> None:
        """Drop every answer: the model was changed or opened anew."""
        self._answers.clear()

    def keep(self, request: Request[Any], answer: Any) -> None:
        """Take an answer, or the exception in its place, and draw it if it is still looked at."""
        self._answers[repr(request)] = answer
        if len(self._answers) > ANSWERS_KEPT:
            del self._answers[next(iter(self._answers))]
        self.redraw()

    def values_known(self, view: View) -> ValuesReport | None:
        """The values of the view's tensor at the index looked at, where they are here."""
        if view.looked_at is not view.tensor:
            return None
        request = self.values.wanted_numbers(view)
        answer = self._answers.get(repr(request))
        return answer if isinstance(answer, ValuesReport) else None

    def redraw(self) -> None:
        """Draw the panel on show, and ask for what it lacks."""
        if self.view is None:
            return
        panel = cast(Panel, self.query_one(f"#{self.current}"))
        request = panel.wanted(self.view)
        answer = self._answers.get(repr(request)) if request is not None else None
        panel.show_view(self.view, answer)
        if request is not None and answer is None:
            self.post_message(self.Wanted(request))

    def on_values_panel_asked(self, event: ValuesPanel.Asked) -> None:
        """Another index was typed, or other planes chosen."""
        event.stop()
        self.redraw()


class PanelTabs(Widget):
    """One line with the panels' numbers and titles.

    Where it is narrow, other titles than that of the current one give way, the longest first.
    """

    current: reactive[str] = reactive("overview")
    stepping: reactive[bool] = reactive(False)

    @dataclass
    class Pressed(Message):
        """A tab was clicked."""

        panel: str

    def _panels(self) -> list[str]:
        """The panels that have a tab now."""
        return [panel for panel in TITLES if panel != SOMETIMES or self.stepping or self.current == panel]

    def _labels(self) -> list[tuple[str, str]]:
        """Each panel's number and title, as much of them as there is room for."""
        titles = [(str(number), TITLES[panel]) for number, panel in enumerate(self._panels(), 1)]
        spaced = [(number, f" {title}") for number, title in titles]
        for labels in (spaced, titles):
            if sum(cell_len(number + title) + 1 for number, title in labels) <= self.size.width:
                return labels
        at = self._panels().index(self.current)
        labels = [label if place == at else titles[place] for place, label in enumerate(spaced)]
        for place in sorted(range(len(labels)), key=lambda place: -len(titles[place][1])):
            if place != at and sum(cell_len(number + title) + 1 for number, title in labels) > self.size.width:
                labels[place] = (titles[place][0], "")
        return labels

    def render(self) -> Content:
        """The line of tabs."""
        parts: list[tuple[str, str]] = [(" ", "")]
        for panel, (number, title) in zip(self._panels(), self._labels(), strict=True):
            if panel == self.current:
                parts.append((f"{number}{title} ", "bold $text-primary on $primary-muted"))
            else:
                parts += [(number, NUMBER), (f"{title} ", MUTED)]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Open the panel under the mouse."""
        right = 1
        for panel, (number, title) in zip(self._panels(), self._labels(), strict=True):
            right += cell_len(number + title) + 1
            if event.x < right:
                self.post_message(self.Pressed(panel))
                return

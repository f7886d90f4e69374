"""The panels beside the tree: one on show, two where there is room; a line of tabs above, answers fetched and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from inspector.core.errors import RequestCancelledError
from inspector.core.findings import Finding
from inspector.core.results import ValuesReport
from inspector.tui.check_panel import CheckPanel
from inspector.tui.dressed_app import DressedApp
from inspector.tui.field_panel import FieldPanel
from inspector.tui.mouse import LEFT
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
SHORT = {
    "overview": "Over",
    "parameters": "Prms",
    "names": "Name",
    "values": "Vals",
    "activations": "Run",
    "source": "Src",
    "field": "Fld",
    "check": "Chk",
    "step": "Step",
}
"""The same where there is no room for the whole titles."""
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
        self._current, self._before = "overview", "parameters"

    def compose(self) -> ComposeResult:
        """Tabs above the panels."""
        yield PanelTabs(id="tabs")
        with Container(id="panels"):
            yield OverviewPanel(id="overview")
            yield ParametersPanel(id="parameters")
            yield NamesPanel(id="names")
            yield ValuesPanel(id="values")
            yield RunPanel(id="activations")
            yield SourcePanel(id="source")
            yield FieldPanel(id="field")
            yield CheckPanel(id="check")
            yield StepPanel(id="step")

    def on_mount(self) -> None:
        """Show the first panel."""
        for number, (panel, title) in enumerate(TITLES.items(), 1):
            self.query_one(f"#{panel}").border_title = f"{number} {title}"
        self._lay()

    def on_resize(self) -> None:
        """There may be room for a second panel, or none any more."""
        self._lay()
        self.redraw()

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
    def finding(self) -> Finding | None:
        """The one chosen in the panel of findings."""
        return self.query_one(CheckPanel).finding

    @property
    def step(self) -> StepPanel:
        """The panel of a pass that is stepped through."""
        return self.query_one(StepPanel)

    @property
    def current(self) -> str:
        """The id of the panel that was opened last."""
        return self._current

    @property
    def shown_panels(self) -> list[str]:
        """The ids of the panels on show: where there is room the one before stays."""
        roomy = cast(DressedApp, self.app).is_roomy
        return [self._current, self._before] if roomy else [self._current]

    def open(self, panel: str) -> None:
        """Put a panel on show."""
        if panel != self._current:
            self._current, self._before = panel, self._current
        self.query_one(PanelTabs).current = panel
        self._lay()
        self.redraw()

    def _lay(self) -> None:
        """Show the panels there is room for; two of them have their titles above them."""
        shown = self.shown_panels
        for panel in TITLES:
            self.query_one(f"#{panel}").display = panel in shown
        self.set_class(len(shown) > 1, "-two")

    def look_at(self, view: View) -> None:
        """Draw the panel on show for another view; what was cancelled is asked for anew once others were looked at."""
        before, self.view = self.view, view
        if before is not None and (before.row is not view.row or before.looked_at != view.looked_at):
            cancelled = [key for key, answer in self._answers.items() if isinstance(answer, RequestCancelledError)]
            for key in cancelled:
                del self._answers[key]
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
        """Draw the panels on show, and ask for what they lack."""
        if self.view is None:
            return
        for id in self.shown_panels:
            panel = cast(Panel, self.query_one(f"#{id}"))
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

    Where it is narrow, other titles than that of the current one are short, or left out.
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
        panels = self._panels()
        titles = [(str(number), TITLES[panel]) for number, panel in enumerate(panels, 1)]
        spaced = [(number, f" {title}") for number, title in titles]
        short = [(number, SHORT[panel]) for (number, _), panel in zip(titles, panels, strict=True)]
        bare = [(number, "") for number, _ in titles]
        at = panels.index(self.current)
        for labels in (short, bare):
            labels[at] = spaced[at]
        ways = (spaced, titles, short, bare)
        return next((labels for labels in ways if self._fits(labels)), bare)

    def _fits(self, labels: list[tuple[str, str]]) -> bool:
        return sum(cell_len(number + title) + 1 for number, title in labels) <= self.size.width

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
        if event.button != LEFT:
            return
        right = 1
        for panel, (number, title) in zip(self._panels(), self._labels(), strict=True):
            right += cell_len(number + title) + 1
            if event.x < right:
                self.post_message(self.Pressed(panel))
                return

"""The two lines of state: the model above, what is going on below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from inspector.core import wording
from inspector.core.recipe import Recipe
from inspector.core.table import ModelTable
from inspector.core.wording import printable
from inspector.tui.keys_here import keyed
from inspector.tui.mouse import LEFT
from inspector.tui.page import MUTED

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

SEPARATOR = " · "
CANCELS = "{cancel} cancels"
WAITS = "a pass waits · {step_end} ends it"
IN_FULL = "L: in full"
"""Behind a message that does not fit: the log has all of it."""


class ModelLine(Widget):
    """Model, framework, size, mode, device, input and weights on one line; the last are left out where it is narrow."""

    def __init__(self, recipe: Recipe, *, id: str) -> None:
        super().__init__(id=id)
        self._recipe = recipe
        self._table: ModelTable | None = None

    def show(self, table: ModelTable) -> None:
        """Show another table's model."""
        self._table = table
        self.refresh()

    def facts(self) -> Sequence[tuple[str, str]]:
        """Texts with their styles, the most important first."""
        if self._table is None:
            weights = f" with {self._recipe.weights}" if self._recipe.weights else ""
            return [(f"nninspect {self._recipe.target}{weights}", "bold")]
        table = self._table
        facts = [(table.model.name, "bold"), (f"{wording.count(table.totals.parameters)} parameters", "")]
        if table.model.framework == "torch":
            facts.append(("train", "$text-warning") if table.model.training else ("eval", ""))
        facts.append((", ".join(table.model.devices) or table.model.framework, ""))
        if table.failure:
            facts.append((f"failed at {table.failure.path or 'the root'}", "bold $text-error"))
        if table.inputs and table.inputs[0].shape is not None:
            facts.append((f"input {', '.join(map(wording.model_input, table.inputs))}", ""))
        if table.load:
            fits = table.load.fits
            facts.append((f"weights {wording.percent(table.load.coverage)}", "" if fits else "$text-warning"))
        elif table.model.framework == "torch":
            facts.append(("no weights file", MUTED))
        return facts

    def render(self) -> Content:
        """The line, as many facts as fit."""
        parts: list[tuple[str, str]] = [(" ", "")]
        left = self.size.width - 1
        for text, style in self.facts():
            text = printable(text)
            needed = cell_len(text) + (cell_len(SEPARATOR) if len(parts) > 1 else 0)
            if needed > left and len(parts) > 1:
                continue
            if len(parts) > 1:
                parts.append((SEPARATOR, MUTED))
            parts.append((text, style))
            left -= needed
        return Content.assemble(*parts)


class ActivityLine(Widget):
    """What is going on or was said last, and on the right the state of the worker."""

    message: reactive[tuple[str, str]] = reactive(("", ""))
    """What was said last, with its style."""
    doing: reactive[str] = reactive("")
    """What is being done now, "" for nothing."""
    worker: reactive[str] = reactive("")
    """The worker's state, where it is worth saying."""

    hint: reactive[str] = reactive("")
    """What a key does, for a person who has not used it yet; shown where there is room."""

    waits: reactive[bool] = reactive(False)
    """A pass waits at a stop."""

    def render(self) -> Content:
        """The line."""
        text, style = (self.doing, "$text-warning") if self.doing else self.message
        text, _, more = text.partition("\n")
        right = printable(self.worker) or (keyed(WAITS, at_stop=True) if self.waits and not self.doing else "")
        if self.doing:
            cancels = keyed(CANCELS)
            right = f"{cancels} · {right}" if right else cancels
        if not right and not self.doing and (more or cell_len(printable(text)) > self.size.width - 3):
            right = IN_FULL
        if not right and not self.doing and cell_len(printable(text)) + cell_len(self.hint) < self.size.width - 6:
            right = self.hint
        # A command that starts a worker elsewhere may have much to say, and is in the log in full.
        told = Content.styled(right, MUTED).truncate(self.size.width // 2, ellipsis=True)
        room = max(0, self.size.width - told.cell_length - 3)
        left = Content.styled(printable(text), style).truncate(room, ellipsis=True)
        gap = " " * max(1, self.size.width - left.cell_length - told.cell_length - 2)
        return Content.assemble(" ", left, gap, told, " ")

    def on_click(self, event: events.Click) -> None:
        """Cancel what is being done, else show the log: what the right end of the line offers."""
        if event.button == LEFT:
            cast("NNInspectApp", self.app).action_do("cancel" if self.doing else "log")

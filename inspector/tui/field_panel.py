"""The seventh panel: what an output unit of the row sees of the input, and how that grows from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from inspector.core import wording
from inspector.core.field_axes import Units
from inspector.core.field_growth import Growth, growth
from inspector.core.table import ModelTable, ReceptiveField
from inspector.core.wording import printable
from inspector.tui.action import bindings
from inspector.tui.field_actions import FIELD_ACTIONS, MOVES, TO_BORDER
from inspector.tui.field_chart import Chart, chart
from inspector.tui.field_drawing import Drawing, draw
from inspector.tui.keys_here import keyed
from inspector.tui.lines import content_of
from inspector.tui.mouse import LEFT
from inspector.tui.page import MUTED, Page
from inspector.tui.view import View
from inspector.worker.protocol import Request

MIDDLE = (0.5, 0.5, 0.5)


class FieldPanel(Widget, can_focus=True):
    """The input as a picture with the field of one unit, or the chart of all rows' fields."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(FIELD_ACTIONS, dispatch="field")

    as_chart: reactive[bool] = reactive(False)
    shares: reactive[tuple[float, ...]] = reactive(MIDDLE)
    """Where the unit lies on the output, from 0 to 1 along each axis: the same place in rows of other sizes."""

    @dataclass
    class RowWanted(Message):
        """The row of another layer is to be looked at."""

        row: int

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._growth: tuple[ModelTable, int, Growth | None] | None = None

    def wanted(self, view: View) -> Request[Any] | None:
        """Nothing: it is all in the table."""
        return None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the row's field."""
        self._view = view
        self.refresh()

    @property
    def field(self) -> ReceptiveField | None:
        """What can be drawn of the row."""
        field = self._view.row.receptive_field if self._view else None
        return field if field is not None and field.axes else None

    def render(self) -> Content:
        """The picture or the chart, or why there is none."""
        if self._view is None:
            return Content()
        width = self.content_size.width
        drawn = self._chart() if self.as_chart else self.drawing()
        if drawn is not None:
            return content_of(drawn.lines, width)
        why = "No row of this model has a receptive field." if self.as_chart else why_nothing(self._view)
        return _sentence(self._view, why, width)

    def drawing(self) -> Drawing | None:
        """The picture in the room there is; None where there is nothing to draw."""
        field, view = self.field, self._view
        if field is None or view is None:
            return None
        place = Units(field).near(self.shares)
        return draw(field, place, _heading(view), self._hint(), *self._room())

    def _chart(self) -> Chart | None:
        view, found = self._view, self._grown()
        if view is None or found is None:
            return None
        return chart(found, view.row, *self._room())

    def _grown(self) -> Growth | None:
        if self._view is None:
            return None
        table, own = self._view.table, self._view.row.receptive_field
        number = own.input if own else _first_input(table)
        if self._growth is None or self._growth[0] is not table or self._growth[1] != number:
            self._growth = (table, number, growth(table.rows, number))
        return self._growth[2]

    def _room(self) -> tuple[int, int]:
        return self.content_size.width, self.content_size.height

    def _hint(self) -> str:
        if self.has_focus:
            return keyed(
                "arrows move the unit, shift+arrow to the border, home to the middle; {field_chart} shows the chart"
            )
        return keyed("{next_pane}, then the arrows move the unit; {field_chart} shows the chart")

    def watch_has_focus(self, value: bool) -> None:
        """The hint is another one."""
        super().watch_has_focus(value)
        self.refresh()

    def action_field(self, id: str) -> None:
        """Carry out one of `FIELD_ACTIONS`."""
        if self.as_chart:
            self._step({"unit_left": -1, "unit_right": 1}.get(id, 0))
            return
        if self.field is None:
            return
        units = Units(self.field)
        place = units.near(self.shares)
        if id == "unit_centre":
            self.shares = MIDDLE
        elif id in MOVES:
            self._put(units, units.step(place, *MOVES[id]))
        else:
            axis, end = TO_BORDER[id]
            most = max(units.counts)
            self._put(units, units.step(place, axis, most if end else -most))

    def _put(self, units: Units, place: list[int]) -> None:
        # Only what moved: along the others a coarse row must not change where a fine one looks.
        before, shares = units.near(self.shares), units.shares(place)
        kept = list(self.shares)[-len(shares) :] if len(self.shares) >= len(shares) else shares
        if units.tied:
            kept = shares
        moved = zip(kept, shares, before, place, strict=True)
        self.shares = tuple(share if was != now else keep for keep, share, was, now in moved)

    def _step(self, by: int) -> None:
        found, view = self._grown(), self._view
        if not by or found is None or view is None:
            return
        row = view.row
        behind = [step.row.index for step in found.steps if step.row.index >= row.index + row.subtree]
        before = [step.row.index for step in found.steps if step.row.index < row.index]
        if behind and by > 0:
            self.post_message(self.RowWanted(behind[0]))
        elif before and by < 0:
            self.post_message(self.RowWanted(before[-1]))

    def on_click(self, event: events.Click) -> None:
        """To the unit that looks at the pixel under the mouse, or to the layer of the chart's column."""
        at = event.get_content_offset(self)
        if at is None or event.button != LEFT:
            return
        if self.as_chart:
            charted, found = self._chart(), self._grown()
            if charted and found and 0 <= at.x - charted.left < len(charted.step_at):
                self.post_message(self.RowWanted(found.steps[charted.step_at[at.x - charted.left]].row.index))
            return
        drawing, field = self.drawing(), self.field
        if drawing is None or field is None:
            return
        units = Units(field)
        place = units.near(self.shares)
        unit = drawing.output.at(at.x, at.y) if drawing.output else None
        pixel = drawing.input.at(at.x, at.y) if drawing.input else None
        if unit is not None:
            self._put(units, [*place[:-2], *unit[-len(place) :]])
        elif pixel is not None:
            unmoved = [axis.pixels // 2 for axis in field.axes[:-2]]
            near = units.nearest([*unmoved, *pixel][-len(field.axes) :])
            self._put(units, [*place[: len(unmoved)], *near[len(unmoved) :]])


def _first_input(table: ModelTable) -> int:
    """The first input that any row has a field on."""
    told = (row.receptive_field for row in table.rows)
    return min((field.input for field in told if field is not None and field.axes), default=0)


def why_nothing(view: View) -> str:
    """Why a row has no field to draw, as one sentence."""
    table, row = view.table, view.row
    field = row.receptive_field
    if table.model.framework == "file":
        return "A file of tensors has no layers that see an input."
    if field is not None and field.status == "unknown":
        return f"What this row sees is not known: {printable(field.via or 'an operation')} before it has no rule."
    if view.failed:
        return "The pass failed here, so the row has no output that could see anything."
    if not any(one.reached for one in table.rows):
        return "No pass has run yet, so it is not known what a unit of this row sees."
    if not row.reached:
        return "The pass did not come to this row, so it has no output that could see anything."
    if field is not None:
        return "The field is known, but not the sizes of input and output that a picture needs."
    return "No spatial axis of an input is followed to this row: its output depends on none, or the inputs have none."


def _heading(view: View) -> str:
    row = view.row
    name = row.type if row.kind == "function" else row.path or row.name or row.type
    field = row.receptive_field
    call = f", call {row.call + 1}" if row.call and row.kind != "function" else ""
    of = ""
    if field is not None and len(view.table.inputs) > field.input:
        of = f"  of {wording.model_input(view.table.inputs[field.input])}"
    return printable(f"{name}{call}  {wording.receptive_field(field)}{of}".rstrip())


def _sentence(view: View, text: str, width: int) -> Content:
    page = Page()
    page.line((_heading(view), "bold"))
    page.line()
    page.line((text, MUTED))
    return page.content(width)

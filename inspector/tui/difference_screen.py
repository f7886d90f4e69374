"""The screen with the differences: what was compared, how many of each state, the rows, and the chosen one in full."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.keys import format_key
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core import wording
from inspector.core.differences import Aligned, State
from inspector.core.wording import printable, shortened, things
from inspector.tui import comparing
from inspector.tui.action import bindings
from inspector.tui.comparing import Difference
from inspector.tui.difference_actions import DIFFERENCE_ACTIONS
from inspector.tui.difference_list import STATES, DifferenceList, joined
from inspector.tui.hint_line import HintLine
from inspector.tui.page import HEADING, MUTED, WARNING, Page
from inspector.tui.row_view import RowView

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

_KEYS = ((format_key(action.keys.split(",")[0]), action.title.lower()) for action in DIFFERENCE_ACTIONS)
HINT = " · ".join(["enter to the tensor", *(f"{key} {title}" for key, title in _KEYS)])
_LABEL = 3


class DifferenceScreen(ModalScreen[Aligned | None]):
    """A comparison side by side; its result is the row to go to, None where the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(DIFFERENCE_ACTIONS, dispatch="screen.difference")

    def __init__(self, difference: Difference) -> None:
        super().__init__()
        self._difference = difference
        self._counts = Counter(row.state for row in difference.report.rows)

    def compose(self) -> ComposeResult:
        """Summary, rows, the row under the cursor, keys."""
        yield Static(id="difference-summary", markup=False)
        yield DifferenceList(self._difference, id="difference-rows")
        yield Static(id="difference-row", markup=False)
        yield HintLine(HINT, id="difference-hint")

    def on_mount(self) -> None:
        """Where it was left."""
        self._list.show(self._difference.line)
        self._list.focus()
        self._summarise()

    @property
    def _list(self) -> DifferenceList:
        return self.query_one(DifferenceList)

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """Show the row in full."""
        event.stop()
        self._difference.line = self._list.cursor
        row = self._list.current
        self.query_one("#difference-row", Static).update(row_page(row).content() if row else "")

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Go to the tensor, where it is in what is open."""
        event.stop()
        row = self._list.current
        if row is not None and row.keys_a:
            self.dismiss(row)
        elif row is not None:
            page = row_page(row)
            page.line(("A, which is open, has nothing there to go to", WARNING))
            self.query_one("#difference-row", Static).update(page.content())

    def action_difference(self, id: str) -> None:
        """Carry out one of `DIFFERENCE_ACTIONS`."""
        if id == "difference_leave":
            self.dismiss(None)
        elif id == "difference_other":
            self.dismiss(None)
            comparing.ask_what(cast("NNInspectApp", self.app))
        elif id == "difference_order":
            self._difference.sorted_by_change = not self._difference.sorted_by_change
            self._redraw()
        else:
            self._next_state(-1 if id == "difference_state_back" else 1)
            self._redraw()

    def _next_state(self, by: int) -> None:
        """To the next state that some row is in; behind the last all are shown."""
        choices: list[State | None] = [None, *(state for state in STATES if self._counts[state])]
        self._difference.state = choices[(choices.index(self._difference.state) + by) % len(choices)]

    def _redraw(self) -> None:
        self._list.show()
        self._summarise()

    def _summarise(self) -> None:
        self.query_one("#difference-summary", Static).update(self._summary().content())

    def _summary(self) -> Page:
        """What was compared, how many rows are in each state, and what else there is to say."""
        difference, report, page = self._difference, self._difference.report, Page()
        page.line(("A ", HEADING), shortened(difference.a), ("   B ", HEADING), shortened(difference.b))
        counted = [("by change" if difference.sorted_by_change else "in the order of the state_dict", MUTED)]
        for state, (mark, _, words) in STATES.items():
            if self._counts[state]:
                style = "bold reverse" if state == difference.state else ""
                counted += [(" · ", MUTED), (f"{mark} {self._counts[state]:,} {words}", style)]
        page.line(*counted)
        if report.verdict:
            page.line((report.verdict, WARNING))
        if report.ambiguous:
            sure = f"{things(sum(row.ambiguous for row in report.rows), 'row')} marked ? could as well stand elsewhere"
            page.line((f"{sure}: {report.ambiguous[0].why}", WARNING))
        rules = [f"{rule.kind.replace('_', ' ')} {rule.from_ or '·'} → {rule.to or '·'}" for rule in report.rules]
        said = [*report.notes, *([f"from A to B: {'; '.join(rules[:4])}"] if rules else [])]
        for text in said:
            page.line((text, MUTED))
        return page


def row_page(row: Aligned) -> Page:
    """A row in full: both sides and every figure."""
    page = Page()
    a, b = (row.keys_a, row.shape_a, row.dtype_a), (row.keys_b, row.shape_b, row.dtype_b)
    for side, (keys, shape, dtype) in zip("AB", (a, b), strict=True):
        if keys:
            page.line((f"{side:<{_LABEL}}", HEADING), f"{wording.shape(shape)} {dtype}  ", (joined(keys), "bold"))
        else:
            page.line((f"{side:<{_LABEL}}", HEADING), ("has nothing there", MUTED))
    figures = [STATES[row.state][2]]
    if row.equal is not None:
        figures.append(f"max |Δ| {wording.number(row.max_abs)}")
        figures.append(f"relative {wording.number(row.relative)}")
        figures.append(f"cosine distance {wording.number(row.cosine)}")
    if row.not_finite:
        figures.append(f"{row.not_finite:,} NaN or Inf in one only")
    if row.ambiguous:
        figures.append("could as well stand elsewhere")
    if row.why:
        figures.append(printable(row.why))
    page.line(" · ".join(figures))
    return page

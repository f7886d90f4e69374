"""The screen with the rows of a model by how much its output changes without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core import wording
from inspector.core.ablation import WAYS, AblatedRow, AblationReport, AblationSettings, SwitchedOff, ablated_name
from inspector.core.drawn_bars import share_bar
from inspector.core.wording import things
from inspector.tui.cells import Cell, Column
from inspector.tui.hint_line import HintLine
from inspector.tui.page import MUTED, Page
from inspector.tui.row_view import RowView

BAR = 12
METHOD = (
    "‖output without the row − output‖ / ‖output‖; zero: its output is zeros, mean: each channel's mean, identity: its "
    "input goes through"
)


class AblationScreen(ModalScreen[int | AblationSettings | None]):
    """Rows ranked; its result is the row to go to, how to do it again, or None where the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Back"), Binding("b", "by", "By")]

    def __init__(self, report: AblationReport, settings: AblationSettings) -> None:
        super().__init__()
        self._report = report
        self._settings = settings

    def compose(self) -> ComposeResult:
        """What was done, the rows, keys."""
        with Vertical(id="dialog", classes="large"):
            yield Static("The output without each row", id="title")
            yield Static(self._told().content(), id="method", markup=False)
            yield AblatedList(self._report.rows, id="ablated")
            yield HintLine(self._hint(), id="hint")

    def _told(self) -> Page:
        page, left_out = Page(), self._report.left_out
        page.paragraph(METHOD, MUTED)
        if left_out:
            page.paragraph(
                f"{things(left_out, 'row')} more were not tried; nninspect ablate --rows chooses them", MUTED
            )
        return page

    def _hint(self) -> str:
        return f"enter to the row · b switches off by {next_way(self._settings.by) or 'what suits'} · esc goes back"

    def action_by(self) -> None:
        """Again, switched off the next way."""
        self.dismiss(replace(self._settings, by=next_way(self._settings.by)))

    def on_mount(self) -> None:
        """The first row is that which matters most."""
        rows = self.query_one(AblatedList)
        rows.rebuild(0)
        rows.focus()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Go to the row, where the table has it."""
        event.stop()
        self.dismiss(self._report.rows[event.row].index)


def next_way(by: SwitchedOff | None) -> SwitchedOff | None:
    """The way after one of them; None is the one that suits each row."""
    ways = (None, *WAYS)
    return ways[(ways.index(by) + 1) % len(ways)]


class AblatedList(RowView):
    """What switching each row off does."""

    def __init__(self, rows: Sequence[AblatedRow], *, id: str) -> None:
        super().__init__(id=id)
        self._rows = rows
        self._most = max((row.relative or 0.0 for row in rows), default=0.0)

    def lines(self) -> Sequence[int]:
        """All of them."""
        return range(len(self._rows))

    def columns(self) -> Sequence[Column]:
        """Row, effect as bar and number, largest element, how it was switched off, and what went wrong."""
        longest = max((cell_len(ablated_name(row)) for row in self._rows), default=0)
        problem = max((cell_len(row.problem) for row in self._rows), default=0)
        return [
            Column(title="row", width=max(12, min(longest, 48)), least=max(12, min(longest, 24)), middle=True),
            Column(title="", width=BAR, least=BAR, priority=2),
            Column(title="change", width=10, least=10, right=True),
            Column(title="largest", width=10, least=10, priority=3, right=True),
            Column(title="by", width=8, least=8, priority=4),
            Column(title="", width=min(problem, 80), least=min(problem, 16), priority=1, share=1),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row's."""
        one = self._rows[row]
        share = one.relative / self._most if one.relative is not None and self._most else 0.0
        return [
            [(ablated_name(one), "kind" if one.is_function else "name")],
            [(share_bar(share, BAR), "kind")],
            [(wording.number(one.relative) if one.relative is not None else "?", "number")],
            [(wording.number(one.max_abs) if one.max_abs is not None else "?", "")],
            [(one.by, "muted")],
            [(one.problem, "warning")],
        ]

"""Asks where to put the model or one module, or over which devices to spread it.

Only devices that exist are offered to move to, each with whether the model fits there.
"""

from collections.abc import Iterable

import msgspec
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, RadioSet, Static
from textual.widgets.option_list import Option

from inspector.core.device_budgets import PlanSettings, parse_budgets, written
from inspector.core.device_fit import fit_text
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.memory import MemoryReport, setting_of
from inspector.core.results import Device
from inspector.core.table import Row
from inspector.core.wording import printable, size_in_bytes
from inspector.tui.dialog import Choice, Dialog, entry
from inspector.tui.keys_here import keyed
from inspector.tui.lists import Choices, Options
from inspector.tui.page import MUTED

HINT = "cuda:0=20GiB,cpu,disk; auto for all"
WAITING = "working out whether it fits…"
NO_VALUES = (
    "Tensors on meta have no values: on another device they are drawn as their layers draw them; {undo} takes it back."
)


class DeviceDialog(Dialog[Edit | PlanSettings]):
    """A device for a module or the model, or several for a plan."""

    title_text = "Move to a device"
    button = "Move or plan"

    def __init__(
        self, devices: list[Device], row: Row, planned: PlanSettings | None, on_meta: set[str], seed: int
    ) -> None:
        """`planned` is of the last plan; None where a model cannot be spread.

        `on_meta` are the paths, of the row and "" of the model, below which tensors are on meta.
        """
        super().__init__()
        self._planned = planned
        self._on_meta = on_meta
        self._seed = seed
        self._devices = devices
        self._row = row

    def fields(self) -> Iterable[Widget]:
        """The devices with their memory, and what to move."""
        yield Options(*(Option(_describe(one)) for one in self._devices), id="devices", compact=True)
        # The one chosen at first stands first, where the cursor of the set begins.
        buttons = [Choice("the whole model", not self._row.path)]
        if self._row.path:
            buttons.insert(0, Choice(f"the module {self._row.path}, now on {self._row.device or 'no device'}", True))
        yield Choices(*buttons, id="what", compact=True)
        if self._on_meta:
            yield Static(keyed(NO_VALUES), classes="hint", markup=False)
        if self._planned is not None:
            last = written(self._planned.budgets) if self._planned.budgets else ""
            yield entry("over", last, "or plan over", HINT)
            yield Static(WAITING, id="fits", markup=False)

    def on_mount(self) -> None:
        """The device in use is chosen at first."""
        here = next((i for i, one in enumerate(self._devices) if one.name == self._row.device), 0)
        devices = self.query_one(OptionList)
        devices.highlighted = here if self._devices else None
        devices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a device moves there."""
        event.stop()
        self.dismiss(self._move())

    def show_fits(self, report: MemoryReport | None, why_not: str) -> None:
        """Whether the model fits, where a report of its memory has come; else why there is none."""
        if not self.is_attached:
            return
        lines = [why_not]
        if report is not None:
            lines = [f"for {setting_of(report)}"]
            lines += [f"on {one.device}: {fit_text(one)}" for one in report.devices]
        self.query_one("#fits", Static).update(Content("\n".join(map(printable, lines))))

    def result(self) -> Edit | PlanSettings:
        """The edit as chosen; where devices are typed, a plan over them."""
        if self._planned is not None and self.text("over").strip():
            return msgspec.structs.replace(self._planned, budgets=parse_budgets(self.text("over")))
        return self._move()

    def _move(self) -> Edit:
        at = self.query_one(OptionList).highlighted
        if at is None:
            raise RequestError("no device is chosen; move to one with the arrow keys")
        module = bool(self._row.path) and self.query_one(RadioSet).pressed_index == 0
        where, device = self._row.path if module else "", self._devices[at].name
        if where in self._on_meta and device != "meta":
            return Edit(action="materialise", where=where, argument=device, seed=self._seed)
        return Edit(action="place", where=where, argument=device)


def _describe(device: Device) -> Content:
    memory = ""
    if device.total_bytes is not None:
        memory = f"{size_in_bytes(device.free_bytes)} free of {size_in_bytes(device.total_bytes)}"
    return Content.assemble(
        (f"{printable(device.name):<8}  ", "bold"), printable(device.description), (f"  {memory}", MUTED)
    )

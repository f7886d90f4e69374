"""Asks where to put the model or one module: only devices that exist are offered."""

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, RadioSet
from textual.widgets.option_list import Option

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.results import Device
from inspector.core.table import Row
from inspector.core.wording import printable, size_in_bytes
from inspector.tui.dialog import Choice, Dialog
from inspector.tui.page import MUTED


class DeviceDialog(Dialog[Edit]):
    """A device for a module or the model."""

    title_text = "Move to a device"
    button = "Move"

    def __init__(self, devices: list[Device], row: Row) -> None:
        super().__init__()
        self._devices = devices
        self._row = row

    def fields(self) -> Iterable[Widget]:
        """The devices with their memory, and what to move."""
        yield OptionList(*(Option(_describe(one)) for one in self._devices), id="devices", compact=True)
        # The one chosen at first stands first, where the cursor of the set begins.
        buttons = [Choice("the whole model", not self._row.path)]
        if self._row.path:
            buttons.insert(0, Choice(f"the module {self._row.path}, now on {self._row.device or 'no device'}", True))
        yield RadioSet(*buttons, id="what", compact=True)

    def on_mount(self) -> None:
        """The device in use is chosen at first."""
        here = next((i for i, one in enumerate(self._devices) if one.name == self._row.device), 0)
        devices = self.query_one(OptionList)
        devices.highlighted = here if self._devices else None
        devices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a device moves there."""
        event.stop()
        self.action_accept()

    def result(self) -> Edit:
        """The edit as chosen."""
        at = self.query_one(OptionList).highlighted
        if at is None:
            raise RequestError("no device is chosen; move to one with the arrow keys")
        module = bool(self._row.path) and self.query_one(RadioSet).pressed_index == 0
        return Edit(action="place", where=self._row.path if module else "", argument=self._devices[at].name)


def _describe(device: Device) -> Content:
    memory = ""
    if device.total_bytes is not None:
        memory = f"{size_in_bytes(device.free_bytes)} free of {size_in_bytes(device.total_bytes)}"
    return Content.assemble(
        (f"{printable(device.name):<8}  ", "bold"), printable(device.description), (f"  {memory}", MUTED)
    )

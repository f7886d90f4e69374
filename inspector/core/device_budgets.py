"""Over which devices a model is to be spread, and how much of each its weights may take."""

import re

from inspector.core.errors import RequestError
from inspector.core.memory import parse_size
from inspector.core.placement import DISK
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.wording import shortened

AUTO = "auto"
SHARE_FOR_WEIGHTS = 0.9
"""Of what is free on a device whose budget is not given; the rest is for what the layers put out."""
_DEVICE = re.compile(r"cpu|disk|meta|mps|(cuda|xpu|npu|hpu|mlu|musa|sdaa|neuron)(:\d{1,3})?")


class Budget(Record, frozen=True, kw_only=True):
    """How much of a device weights may take; None leaves it to what is free there."""

    device: str
    bytes: int | None = None

    def __str__(self) -> str:
        if self.bytes is None:
            return self.device
        power = next((power for power in (4, 3, 2, 1) if self.bytes % 1024**power == 0), 0)
        return f"{self.device}={self.bytes // 1024**power}{('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


class PlanSettings(Record, frozen=True, kw_only=True):
    """Over which devices a model is to be spread; over all that exist where none is named."""

    budgets: list[Budget] = []
    no_split: list[str] = []
    """Classes of modules that are to stay whole, besides those that the model declares or that have to."""
    inputs: list[InputSpec] = []
    """Of the pass that tells what crosses; those of the last pass where there are none."""
    folder: str | None = None
    """Takes what the plan puts on the disk while a pass runs."""


def parse_budgets(text: str) -> list[Budget]:
    """Read ``cuda:0=20GiB,cuda:1=20GiB,cpu=64GiB,disk``; ``auto`` is all devices that exist.

    Raises RequestError where a name is no device's, is there twice, or a size does not read.
    """
    if text.strip() == AUTO:
        return []
    found: list[Budget] = []
    for part in text.split(","):
        name, equals, size = part.partition("=")
        device = _named(name.strip().lower(), text)
        if any(one.device == device for one in found):
            raise RequestError(f"{device} is there twice in {shortened(text)!r}; name each device once")
        found.append(Budget(device=device, bytes=parse_size(size) if equals else None))
    return found


def _named(name: str, text: str) -> str:
    if not _DEVICE.fullmatch(name):
        raise RequestError(
            f"{shortened(name)!r} in {shortened(text)!r} is no device; write for example cuda:0=20GiB,cpu=64GiB,disk"
        )
    return f"{name}:0" if ":" not in name and name not in ("cpu", DISK, "meta", "mps") else name


def written(budgets: list[Budget]) -> str:
    """The text that `parse_budgets` reads as these."""
    return ",".join(map(str, budgets)) or AUTO

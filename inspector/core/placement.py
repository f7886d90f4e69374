"""A plan over several devices: which row goes where, and what crosses between devices."""

from inspector.core.record import Record
from inspector.core.table import Note, Source

DISK = "disk"


class PlannedDevice(Record, frozen=True, kw_only=True):
    """What one device gets."""

    name: str
    exists: bool
    budget: int | None
    """None where there is no limit."""
    bytes: int
    """Of parameters and buffers, each storage once."""

    @property
    def is_over(self) -> bool:
        """Whether it gets more than it may take."""
        return self.budget is not None and self.bytes > self.budget


class RowPlacement(Record, frozen=True, kw_only=True):
    """Where one row of the table goes."""

    devices: list[str] = []
    """Of its tensors and those below it."""
    runs_on: str | None = None
    """None where it runs wherever its inputs are, or no pass told."""
    crossing_bytes: int | None = None
    """Of its inputs, those that come from another device in one pass; None where no pass told."""
    crossing_from: list[str] = []


class KeptWhole(Record, frozen=True, kw_only=True):
    """A class whose modules are not split over devices."""

    type: str
    why: str


class Conflict(Record, frozen=True, kw_only=True):
    """A call that gets tensors from several devices at once, in which a forward would fail."""

    path: str
    """Of the module that makes it."""
    function: str
    devices: list[str]
    source: Source | None = None


class PlacementPlan(Record, frozen=True, kw_only=True):
    """A model spread over devices; `rows` are aligned with the table's."""

    devices: list[PlannedDevice]
    device_map: dict[str, str]
    """As accelerate has it: paths of modules or keys of tensors, each with all below it, and their devices."""
    main_device: str
    """Where the model's inputs go, and where what is kept on the CPU beside a GPU, or on disk, is brought to run."""
    rows: list[RowPlacement]
    crossing_bytes: int | None = None
    """Of inputs that cross devices in one pass; None where no pass told."""
    loading_bytes: int = 0
    """Of weights brought to the main device in each pass."""
    kept_whole: list[KeptWhole] = []
    preloaded: list[str] = []
    """Classes whose weights are brought all at once, since they use those of modules inside them directly."""
    conflicts: list[Conflict] = []
    unplaced_bytes: int = 0
    """For which no device named has room."""
    notes: list[Note] = []

    @property
    def fits(self) -> bool:
        """Whether everything has its place, and a pass would not fail between devices."""
        return not (self.unplaced_bytes or self.conflicts or any(one.is_over for one in self.devices))

    @property
    def offloaded(self) -> list[str]:
        """Entries of the map that are brought to the main device for each call."""
        waiting = {DISK} if self.main_device == "cpu" else {DISK, "cpu"}
        return [path for path, device in self.device_map.items() if device in waiting]


def entry_of(device_map: dict[str, str], path: str) -> str | None:
    """The entry of a device map that a module or tensor belongs to: its own, or the nearest above it."""
    at = path
    while at not in device_map:
        if not at:
            return None
        at = at.rpartition(".")[0]
    return at

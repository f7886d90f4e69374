"""Why a checkpoint does not load, and what mends it: `repair --json`."""

from inspector.core.loads import LoadRule, Mismatch
from inspector.core.record import Record


class RepairSettings(Record, frozen=True, kw_only=True):
    """What is to be mended, and how far that may go."""

    weights: str
    container: str | None = None
    """Which of its state_dicts, the keys that lead to it joined by dots, "" for the top; None for the one that fits."""
    output: str | None = None
    """Where the mended file goes; nothing is written without."""
    overwrite: bool = False
    allow: list[str] = []
    """Rules that lose information."""
    guess: bool = False
    """Whether tensors that several of the file would fit equally well are taken in order."""
    partial: bool = False
    """Whether the model's own values may stand for what the file does not fill."""


class Found(Record, frozen=True, kw_only=True):
    """A state_dict in the file."""

    container: str
    """The keys that lead to it, joined by dots; "" at the top."""
    kind: str
    """"model", "average" (EMA, SWA, a teacher) or "optimizer"."""
    coverage: float | None
    """Share of the model's elements that it would fill; None for an optimizer's."""


class Unsure(Record, frozen=True, kw_only=True):
    """Keys of the model that several keys of the file would fit equally well."""

    model: list[str]
    candidates: list[str]
    why: str


class Harmless(Record, frozen=True, kw_only=True):
    """A key that only one side has and that does not matter."""

    key: str
    side: str
    """"model" or "file"."""
    why: str


class Proposal(Record, frozen=True, kw_only=True):
    """A part that cannot be taken over as it is: load the rest, and initialise this."""

    kind: str
    keys: list[str]
    elements: int
    message: str
    rule: str = ""
    """What to write after ``--allow`` so that it is done; empty where no rule does it."""


class RepairReport(Record, frozen=True, kw_only=True):
    """How the keys of a file become those of a model."""

    loads: bool
    """Whether the model takes the mended state_dict strictly; tried on tensors without memory."""
    verdict: str
    container: str
    """Of the state_dict that was taken."""
    coverage: float
    matched: int
    rules: list[LoadRule]
    missing: list[str]
    unexpected: list[str]
    mismatched: list[Mismatch]
    ambiguous: list[Unsure]
    harmless: list[Harmless]
    proposals: list[Proposal]
    stays_random: list[str]
    notes: list[str]
    others: list[Found]
    """State_dicts of the file that were not taken."""
    arguments: str = ""
    """Constructor arguments with which the model would take the file, as typed after ``--args``."""
    snippet: str
    """Python that makes the mended state_dict of the file."""
    written: str | None = None

"""A forward pass that is stepped through: where it waits, what is there, and how it goes on."""

from typing import Literal

from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.results import OutputPreview, Statistics
from inspector.core.table import Failure, Source

Moment = Literal["before", "after"]
StepCommand = Literal["into", "over", "row", "out", "continue", "end"]
STEP_COMMANDS: dict[StepCommand, str] = {
    "into": "the next thing that happens: into the row, or on to the next one",
    "over": "past the row, or on to the next one beside it or above",
    "row": "the next row to finish, wherever it is",
    "out": "out of the row that called this one, after it",
    "continue": "the next breakpoint, or the end",
    "end": "leave the pass",
}
Reason = Literal["start", "step", "breakpoint", "failure"]
StepState = Literal["stopped", "finished", "failed", "left"]


class OtherRun(Record, frozen=True, kw_only=True):
    """A pass whose outputs can be put in the places of this one's, row by row."""

    inputs: list[InputSpec] = []
    """Those of the pass that is stepped through, where there are none."""
    seed: int = 0


class StepSettings(Record, frozen=True, kw_only=True):
    """How a pass begins."""

    inputs: list[InputSpec] = []
    """Without them, those of the last pass, else worked out."""
    seed: int = 0
    breakpoints: list[str] = []
    """See `inspector.core.breakpoints`."""
    changes: list[str] = []
    """Made whenever their row comes, without a stop: ``conv1: zero``. See `inspector.core.output_changes`."""
    other: OtherRun | None = None
    command: StepCommand = "into"
    """Where to go first; "into" waits before the model itself is called."""


class StopValue(Record, frozen=True, kw_only=True):
    """A value at a stop: one tensor, or something else in a few words."""

    name: str
    """The Python expression that gives it in the frame, ``x`` or ``output[0]``; empty where none does."""
    type: str
    """Its class."""
    text: str = ""
    """What is no tensor, shortened."""
    shape: list[int] | None = None
    """None for what is no tensor, or has no shape."""
    dtype: str | None = None
    device: str | None = None
    requires_grad: bool = False
    statistics: Statistics | None = None
    """Without a histogram."""


class StopFrame(Record, frozen=True, kw_only=True):
    """A function of the user's that is running."""

    function: str
    path: str | None
    """Of the module whose method it is; None where it is none's."""
    source: Source
    """The line that is being carried out."""
    columns: list[int] | None = None
    """First and last character, from 0 and without the last, of what is carried out on the whole line; None where that
    is not known or goes over several."""
    first_line: int = 0
    code: str = ""
    """The function's source from `first_line` on; "" where there is none."""
    locals: list[StopValue] = []
    left_out: int = 0
    """How many values more there are."""


class StopRow(Record, frozen=True, kw_only=True):
    """The row at which a pass waits, as the table has it."""

    path: str
    place: str
    """Where the caller knows the module, if it is registered in several places; else the path."""
    type: str
    call: int
    """0 for the first."""
    is_function: bool
    index: int | None = None
    """In the table of the model as it is now; None where that has no such row."""


class Stop(Record, frozen=True, kw_only=True):
    """Where a pass waits, and all that can be seen there."""

    number: int
    """From 1."""
    row: StopRow
    moment: Moment
    why: Reason
    breakpoint: str = ""
    """The one that holds here, also where it was not why."""
    depth: int
    """How many rows enclose this one."""
    arguments: list[StopValue] = []
    """As they are now: in-place operations may have changed them."""
    outputs: list[StopValue] = []
    changes: list[str] = []
    """Of this row's output, made here."""
    frames: list[StopFrame] = []
    """Innermost first. Empty before and after the model itself, whose caller is none of the user's, and in graphs."""
    failure: Failure | None = None


class StepReport(Record, frozen=True, kw_only=True):
    """What came of a step."""

    state: StepState
    """"stopped" also where forward failed and the pass still waits there; then "failed"."""
    stop: Stop | None = None
    """None once the pass is over."""
    outputs: list[OutputPreview] = []
    """Of a pass that finished."""
    failure: Failure | None = None
    changes: list[str] = []
    """All that were made, each with its row."""


class Evaluation(Record, frozen=True, kw_only=True):
    """What an expression gives at a stop."""

    expression: str
    frame: int
    values: list[StopValue]
    text: str
    """As Python prints it, shortened."""

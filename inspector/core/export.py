"""What to export, and what came of it: `export --json`."""

import re

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.row_comparison import RowComparison
from inspector.core.table import ModelTable
from inspector.core.wording import shortened

SMALLEST_OPSET = 18
"""The exporter writes this one; older ones only by a conversion that most models do not survive."""
BATCH = "batch"


class DynamicAxis(Record, frozen=True, kw_only=True):
    """An axis of an input whose size stays open in the file."""

    input: str
    axis: int
    name: str
    """Axes of one name have one size."""

    def __str__(self) -> str:
        """As it is typed after ``--dynamic``."""
        return f"{self.input}:{self.axis}={self.name}"


class ExportSettings(Record, frozen=True, kw_only=True):
    """All that an export is told."""

    path: str
    inputs: list[InputSpec] = []
    """None: they are worked out."""
    dynamic: list[DynamicAxis] = []
    dynamic_batch: bool = False
    """The first axis of every input stays open."""
    opset: int | None = None
    """None: the exporter's own choice."""
    half: bool = False
    """Weights and inputs in float16."""
    fuse: bool = False
    """Merge modules as the exporter's optimiser does, such as a normalisation into the convolution before it."""
    external_data: bool = False
    """Weights beside the file; without it only where protocol buffers end, at 2 GB."""
    overwrite: bool = False
    verify: bool = False
    seed: int = 0


class ExportedValue(Record, frozen=True, kw_only=True):
    """An input or an output of the written file."""

    name: str
    shape: list[int | str]
    """A name stands for an open size."""
    dtype: str


class ExportReport(Record, frozen=True, kw_only=True):
    """A file that was written, and how it compares with the model."""

    path: str
    opset: int
    bytes: int
    files: list[str]
    """All that were written: the model, and its weights where they lie beside it."""
    inputs: list[ExportedValue]
    outputs: list[ExportedValue]
    nodes: int
    notes: list[str] = []
    comparison: RowComparison | None = None
    graph: ModelTable | None = None
    """The written file's table, where it was compared: `node_row` of a compared row is an index in it."""


_AXIS = re.compile(r"(?P<input>.+?):(?P<axis>-?\d{1,3})(?:=(?P<name>[^\W\d]\w*))?$")


def parse_dynamic(text: str) -> DynamicAxis:
    """Read ``NAME:AXIS[=name]``.

    Raises RequestError where it does not read.
    """
    found = _AXIS.match(text.strip())
    if found is None:
        raise RequestError(
            f"--dynamic {shortened(text)!r} is not an axis: write NAME:AXIS[=name], for example x:0=batch"
        )
    axis = int(found["axis"])
    stem = re.sub(r"\W+", "_", found["input"]).strip("_") or "x"
    return DynamicAxis(input=found["input"], axis=axis, name=found["name"] or f"{stem}_{str(axis).replace('-', 'm')}")

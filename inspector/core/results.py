"""What the engine answers besides the table: runs, values, previews, devices."""

from inspector.core.edits import Edit
from inspector.core.table import ModelTable, Record, Source


class Histogram(Record, frozen=True, kw_only=True):
    """Counts between edges; ``len(edges) == len(counts) + 1``."""

    edges: list[float]
    counts: list[int]
    sample: int | None = None
    """How many elements, spread evenly, were counted; None where all were."""


class Statistics(Record, frozen=True, kw_only=True):
    """A tensor's values in numbers; over the finite values where some are not. None where there is no such number."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: float | None
    """Share of the elements that are exactly zero."""
    nan: int = 0
    inf: int = 0
    dead_units: float | None = None
    """Share of the channels (axis 1) that are zero everywhere; None where there is no channel axis."""
    histogram: Histogram | None = None


class RowRun(Record, frozen=True, kw_only=True):
    """What one row did in a real pass; aligned with the table's rows."""

    seconds: float | None = None
    self_seconds: float | None = None
    output_bytes: int | None = None
    statistics: Statistics | None = None
    gradient_norm: float | None = None


class TensorGradient(Record, frozen=True, kw_only=True):
    """What the backward pass left for one tensor."""

    key: str
    gradient: Statistics | None = None
    gradient_note: str | None = None


class FirstNonfinite(Record, frozen=True, kw_only=True):
    """The first row, in order of execution, whose output holds NaN or Inf although its inputs do not."""

    path: str
    call: int
    source: Source | None = None


class OutputPreview(Record, frozen=True, kw_only=True):
    """An output tensor of a real pass: its shape, statistics and leading values, printed as torch prints them."""

    name: str
    shape: list[int] | None
    """None for what is no tensor: a sequence, a map, an optional without a value."""
    dtype: str
    text: str
    statistics: Statistics | None = None


class OptimisedRun(Record, frozen=True, kw_only=True):
    """An ONNX graph with all optimisations of the runtime, beside the graph as it stands in the file."""

    seconds: float
    """For the graph's outputs alone, as `unoptimised_seconds`; statistics need every node's."""
    nodes: int | None
    """That are left in the main graph; None where the runtime does not tell."""
    unoptimised_seconds: float
    unoptimised_nodes: int
    max_abs: float | None
    """The largest difference between an output's elements with and without; None where no output is of numbers."""
    relative: float | None
    """The largest of ‖difference‖₂ / ‖output‖₂."""


class ForwardReport(Record, frozen=True, kw_only=True):
    """One real pass."""

    table: ModelTable
    runs: list[RowRun]
    outputs: list[OutputPreview] = []
    gradients: list[TensorGradient] = []
    first_nonfinite: FirstNonfinite | None = None
    seconds: float | None = None
    seed: int = 0
    optimised: OptimisedRun | None = None
    """Where it was asked for."""


class CloneReport(Record, frozen=True, kw_only=True):
    """Whether a copy of the model with this state_dict gives the same output: ``Y_clone == Y``."""

    equal: bool
    max_abs: float | None
    outputs: list[OutputPreview]
    explanation: str


class KeyPart(Record, frozen=True, kw_only=True):
    """One part of a state_dict key."""

    text: str
    kind: str
    """wrapper, attribute, index, name, parameter or buffer; in a file also container or slot (an optimizer's)."""
    module_type: str | None
    explanation: str


class KeyExplanation(Record, frozen=True, kw_only=True):
    """A state_dict key explained part by part."""

    key: str
    expression: str
    parts: list[KeyPart]
    persistent: bool = True
    """Whether the state_dict holds it; False for a buffer registered with ``persistent=False``."""


class Norms(Record, frozen=True, kw_only=True):
    """Norms of all elements taken as one vector; None where an element is not finite, or the norm is not."""

    one: float | None
    """The sum of the absolute values."""
    two: float | None
    """The square root of the sum of the squares."""
    infinity: float | None
    """The largest absolute value."""


class Extreme(Record, frozen=True, kw_only=True):
    """One element of a tensor, by its index in what was looked at."""

    index: list[int]
    value: float


class ValuesReport(Record, frozen=True, kw_only=True):
    """The values of a tensor, or of a slice of it."""

    key: str
    index: str
    shape: list[int]
    dtype: str
    device: str
    statistics: Statistics
    rows: list[list[float | None]]
    """At most `limit` × `limit` leading values of the last two axes at the slice asked for."""
    row_offset: int = 0
    column_offset: int = 0
    norms: Norms | None = None
    """Of the slice; None where it has no values."""
    largest: list[Extreme] = []
    """Its elements of largest absolute value, largest first; their indices are those in the whole tensor."""
    numbers_are: str = ""
    """What all these numbers are, where they are not the values themselves: "absolute values |z|"."""


COMPLEX_NUMBERS_ARE = "absolute values |z| of complex numbers"


class SourceReport(Record, frozen=True, kw_only=True):
    """The source of a module's ``forward``."""

    path: str
    file: str | None
    first_line: int
    text: str


class LayerScale(Record, frozen=True, kw_only=True):
    """What one pass made of a layer, on its first call."""

    output_std: float | None = None
    gradient_std: float | None = None
    """Of the gradient that arrives at its output; None where none does."""
    forward: float | None = None
    """Root mean square of what the weight makes of its input, without bias, over that of the input."""
    backward: float | None = None
    """The same of the gradients: of its input, over that of its output."""


class InitTarget(Record, frozen=True, kw_only=True):
    """One tensor that an initialiser would change, before and after."""

    key: str
    shape: list[int]
    dtype: str
    fan_in: int | None
    """As torch counts it; None for tensors of fewer than two axes."""
    fan_out: int | None
    effective_fan_in: float | None
    effective_fan_out: float | None
    gain: float | None
    follows: str | None = None
    """What takes the layer's output and the gain that suits it: ``GELU → nonlinearity=gelu, gain 1.468``; None where
    no pass was recorded, or neither an activation nor a normalisation follows."""
    explanation: str
    """The formula with this tensor's numbers: ``bound = gain·√(3/fan_in) = …``."""
    tied_to: list[str]
    before: Statistics
    after: Statistics
    forward: float | None = None
    """Predicted `LayerScale.forward` of the new values: √fan_in·rms(w); borders counted where a pass was measured. None
    where nothing is summed."""
    backward: float | None = None
    """Predicted `LayerScale.backward`: √fan_out·rms(w)."""
    behind: float | None = None
    """Predicted root mean square behind the activation that follows, of an input of root mean square 1."""
    scale_before: LayerScale | None = None
    scale_after: LayerScale | None = None


class InitPreview(Record, frozen=True, kw_only=True):
    """What an initialiser would do, before it is applied."""

    where: str
    initialiser: str
    seed: int
    targets: list[InitTarget]
    skipped: list[tuple[str, str]]
    """Keys left alone, each with the reason."""
    measured: str = ""
    """On which passes the scales were measured, or why none were; empty where nobody asked."""


class EditReport(Record, frozen=True, kw_only=True):
    """What an edit, an undo or a redo changed."""

    edit: Edit
    keys: list[str]
    message: str
    table: ModelTable
    can_undo: bool
    can_redo: bool


class Device(Record, frozen=True, kw_only=True):
    """A device that exists on this machine."""

    name: str
    description: str
    total_bytes: int | None
    free_bytes: int | None


class SaveReport(Record, frozen=True, kw_only=True):
    """A state_dict, or an ONNX model, that was written."""

    path: str
    tensors: int
    bytes: int
    """Of all files."""
    files: list[str] = []
    """All that were written: the file of that name, and its weights where they lie beside it."""

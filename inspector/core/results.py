"""What the engine answers besides the table: runs, values, previews, devices."""

from typing import ClassVar

from inspector.core.edits import Edit
from inspector.core.placement import PlacementPlan
from inspector.core.record import Record
from inspector.core.table import ModelTable, Source


class Histogram(Record, frozen=True, kw_only=True):
    """Counts between edges; ``len(edges) == len(counts) + 1``."""

    edges: list[float]
    counts: list[int]
    sample: int | None = None
    """How many elements, spread evenly, were counted; None where all were."""


class Extreme(Record, frozen=True, kw_only=True):
    """One element of a tensor, by its index in what was looked at."""

    index: list[int]
    value: float


class ChannelExtremes(Record, frozen=True, kw_only=True):
    """The largest absolute value of every channel (axis 1): the channels where it is most and least."""

    number: int
    """Of channels."""
    median: float | None
    largest: list[Extreme]
    """Most first."""
    smallest: list[Extreme]
    """Least first."""


class Magnitudes(Record, frozen=True, kw_only=True):
    """How many elements lie in each power of two: element `i` counts those with 2^(first+i) ≤ |x| < 2^(first+i+1).

    Those below 2^LEAST count there, those above 2^MOST at MOST. The bins are the same for all tensors.
    """

    LEAST: ClassVar[int] = -40
    MOST: ClassVar[int] = 23
    first: int
    negative: list[int]
    positive: list[int]
    """As many as `negative`; neither counts zeros."""
    zeros: int


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
    saturated: float | None = None
    """Of an activation with bounds: the share of elements nearer to one than 1 % of the distance between them."""
    sample: int | None = None
    """How many elements, spread evenly, `mean`, `std`, `zeros` and `saturated` are of; None where they are of all."""
    channels: ChannelExtremes | None = None
    histogram: Histogram | None = None
    magnitudes: Magnitudes | None = None
    """Of the elements that the histogram counts."""


class RowRun(Record, frozen=True, kw_only=True):
    """What one row did in a real pass; aligned with the table's rows."""

    seconds: float | None = None
    self_seconds: float | None = None
    output_bytes: int | None = None
    saved_bytes: int | None = None
    """Of a pass with gradients: kept for the backward pass in train mode, storages once, the model's tensors aside."""
    statistics: Statistics | None = None
    gradient_norm: float | None = None
    """Of several passes, the root of the mean square."""


class GradientUse(Record, frozen=True, kw_only=True):
    """What one use of a parameter adds to its gradient."""

    path: str
    call: int
    type: str
    """With `path` and `call` the row that used it: a layer, or the function that took it."""
    norm: float
    share: float | None
    """⟨this use's part, gradient⟩ / ‖gradient‖²: all of them add up to 1, one below 0 works against the others. None
    where the gradient is 0."""


class TensorGradient(Record, frozen=True, kw_only=True):
    """What the backward pass left for one tensor."""

    key: str
    gradient: Statistics | None = None
    gradient_ratio: float | None = None
    """Root mean square of the gradient over that of the values: rms(g) / rms(w)."""
    gradient_note: str | None = None
    weight_rms: float | None = None
    """rms(w); None where it is not finite."""
    gradient_uses: list[GradientUse] | None = None
    """Of a tensor that is tied, or in a module that is called more than once: what each use adds to the gradient, in
    order of execution; None where there is one use, or it cannot be told."""
    sum_note: str | None = None
    """Of how many uses the gradient is the sum, or why that cannot be told."""

    @property
    def gradient_rms(self) -> float | None:
        """rms(g); None where the ratio is not known, as of values that are all 0."""
        if self.gradient_ratio is None or self.weight_rms is None:
            return None
        return self.gradient_ratio * self.weight_rms


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


class Timing(Record, frozen=True, kw_only=True):
    """What passes took that were run for their times alone; the rows' times are the medians of as many with a clock."""

    passes: int
    bare_seconds: float
    """The median of passes in which nothing is looked at; `ForwardReport.seconds` is the same."""
    spread: float
    """Between the fastest and the slowest of these, as a share of the median."""
    fused: list[str] = []
    """Modules in whose place a bare pass runs one operation of torch's, which no row tells of: their rows are slower
    ways to the same."""


class ForwardReport(Record, frozen=True, kw_only=True):
    """A real pass, or several on batches drawn one after another."""

    table: ModelTable
    runs: list[RowRun]
    outputs: list[OutputPreview] = []
    gradients: list[TensorGradient] = []
    first_nonfinite: FirstNonfinite | None = None
    seconds: float | None = None
    seed: int = 0
    """Of the first batch; the others count on from it."""
    batches: int = 1
    """That the numbers of rows and gradients are of, the one that failed included, which is the last; times are the
    medians, outputs those of the first."""
    optimised: OptimisedRun | None = None
    """Where it was asked for."""
    timing: Timing | None = None
    """Where it was asked for."""
    placement: PlacementPlan | None = None
    """By which the model was spread over devices for this pass; its rows are aligned with the table's."""


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


PART_OF_DISTRIBUTED = "values of the part that this process has"
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

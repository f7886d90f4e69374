"""The model table: flat preorder rows and the tensors, the same for PyTorch, ONNX and files.

The worker sends it, JSON prints it, the tree draws it and tests compare it. Unknown is ``None``, never 0. Field names
are those of the JSON contract; fields beyond the contract are additions.
"""

from typing import Literal

import msgspec

from inspector.core.file_info import FileInfo
from inspector.core.loads import Load
from inspector.core.record import Record

RowKind = Literal["module", "function", "node"]
FieldStatus = Literal["exact", "upper_bound", "whole_input", "unknown"]
Number = int | float
SymbolicShape = list[int | str | None]
"""Sizes as numbers or expressions of symbols, ``["batch", 64, "⌈H/2⌉"]``; None where one is not known."""


_LARGEST = 1 << 63


def countable(number: int) -> int | None:
    """The number; None beyond 64 bits, which no message and few readers of JSON hold: a file may declare any sizes."""
    return number if number < _LARGEST else None


def multiply_adds(flops: int | None) -> int | None:
    """Half of the floating-point operations; None where those are not known."""
    return None if flops is None else flops // 2


class Source(Record, frozen=True, kw_only=True):
    """A line of the user's source."""

    file: str
    line: int
    text: str


class FormulaLine(Record, frozen=True, kw_only=True):
    """One axis of a layer's output size, worked through with this layer's numbers."""

    axis: str
    """"H", "W" for images, "L" for sequences, "D" before both for volumes."""
    text: str
    output: int | None
    """None where the input size is not known; 0 or less where the layer does not fit it."""
    notes: list[str] = []
    """What the formula hides, a sentence each: pixels never read, uneven overlap, the sizes that become one, bins."""


class FieldAxis(Record, frozen=True, kw_only=True):
    """One axis of a receptive field, unit by unit.

    Unit ``u`` sees the pixels ``first[u % T] + u // T * shift`` to ``last[u % T] + u // T * shift``, where `T` is how
    many are listed; it sees none where its first is behind its last. Where none is listed, `ReceptiveField`'s `size`,
    `stride` and `start` are all that is told.
    """

    pixels: int
    """Of the input along this axis."""
    units: int
    """Positions of the output along it."""
    dim: int | None = None
    """The output's dimension that the units lie along: index ``i`` there is unit ``i // inner % units``.

    None where the output has none, and all of it sees one interval.
    """
    inner: int = 1
    whole: bool = False
    """Every unit sees the whole axis; what is listed is its own window, were it not for that."""
    exact: bool = True
    """False: a unit may see less than is listed."""
    first: list[int] = []
    last: list[int] = []
    shift: int = 0


class ReceptiveField(Record, frozen=True, kw_only=True):
    """Which input pixels an output unit sees, per spatial axis of the input.

    Unit ``u`` sees no pixels but the ``size`` from ``ceil(start + u·stride)`` on; `start` is negative where padding is
    seen. `exact` says that the largest unit sees that many, `upper_bound` that none sees more.
    """

    status: FieldStatus
    via: str | None = None
    """The path whose operation made it the whole input; for `unknown`, the operation without a rule."""
    size: list[int] = []
    stride: list[Number] = []
    start: list[Number] = []
    local_size: list[int] | None = None
    """The size were it not for operations that see a whole axis, or for padding that wraps round."""
    wraps: bool = False
    """Whether only units near the border see so much, both ends, since padding wraps round; the others `local_size`."""
    misaligned: str | None = None
    """How the first branches that met on the way here were out of step: other centres, or other strides."""
    input: int = 0
    """Number of the model's input that it is told of."""
    axes: list[FieldAxis] = []
    """The same unit by unit, where `size`, `stride` and `start` have one number for all of them."""


class LocalField(Record, frozen=True, kw_only=True):
    """What an output unit of a file's module reads where only code knows what runs before: of the input of `since`."""

    since: str
    """The path of the module from whose input on the layers' order is known; the row's own for a layer by itself."""
    size: list[int]
    stride: list[int]
    start: list[int]
    """As of a `ReceptiveField`: unit ``u`` reads the ``size`` positions from ``start + u·stride`` on."""


class Row(Record, frozen=True, kw_only=True):
    """A module, a function called between modules, or an ONNX node."""

    index: int
    parent: int | None
    kind: RowKind
    path: str
    """A module's name in ``named_modules()``, so the root's is ""; a function row has the path of its caller."""
    call: int = 0
    type: str
    depth: int
    subtree: int = 1
    """Rows in this subtree, this one included: the next sibling is at ``index + subtree``."""
    name: str = ""
    """The last part of the path; for functions, the type."""
    reached: bool = False
    hyperparameters: str = ""
    parameters: int = 0
    own_parameters: int = 0
    trainable_parameters: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    """Of the parameters at or below the row, each tensor once; so `buffer_bytes`."""
    buffer_bytes: int = 0
    state_bytes: int = 0
    """Of an optimizer's state in a file, which is neither parameter nor buffer."""
    shared_with: list[str] = []
    """Other paths of this very module, or of modules that hold one of its own tensors."""
    lazy: bool = False
    """Holds parameters that no pass has given a shape yet."""
    training: bool = False
    container: str = ""
    """How it names its children: "Sequential", "ModuleList", "ModuleDict" or "" for attributes."""
    wrapper: str = ""
    """The attribute in which a wrapper such as DataParallel keeps the model ("module"); "" for all other modules."""
    input_shapes: list[list[int]] = []
    output_shapes: list[list[int]] = []
    symbolic_shapes: list[SymbolicShape] = []
    """The output shapes in the symbols that a file's inputs declare; empty where none depends on one."""
    dtype: str | None = None
    device: str | None = None
    """Device of its tensors, or "cpu, cuda:0" where they are spread."""
    crossing_bytes: int | None = None
    """Of its inputs in a pass, those that come from another device than its tensors are on; told of models that are on
    several, None for others and for what runs wherever its inputs are."""
    crossing_from: list[str] = []
    flops: int | None = None
    macs: int | None = None
    """Multiply-adds: half of those operations."""
    output_bytes: int | None = None
    """What the elements of its outputs take."""
    values: list[str] = []
    """Names by which its outputs are asked for; of ONNX graphs only."""
    activation_bytes: int | None = None
    """What it and all below it newly took for outputs: of the innermost rows' outputs the memory that none of their
    inputs lies in. So views and in-place operations take none, and the rows' own add up to the root's."""
    source: Source | None = None
    formula: list[FormulaLine] | None = None
    receptive_field: ReceptiveField | None = None
    local_field: LocalField | None = None

    @property
    def bytes(self) -> int:
        """Of all tensors at or below the row, each once."""
        return self.parameter_bytes + self.buffer_bytes + self.state_bytes


class TensorPiece(Record, frozen=True, kw_only=True):
    """A part of a tensor that lies in a file of its own: a box of it, beginning at `at`."""

    file: str
    """By its path from the folder of the checkpoint; so `Tensor.files`."""
    at: list[int]
    shape: list[int]


class Distribution(Record, frozen=True, kw_only=True):
    """How a tensor is spread over processes."""

    kind: str
    """DTensor, or the FlatParameter of `FullyShardedDataParallel`."""
    mesh: list[int] = []
    """Processes along each axis of the device mesh."""
    mesh_names: list[str] = []
    placements: list[str] = []
    """For each axis of the mesh: ``Shard(0)``, ``Replicate()``."""
    local_shape: list[int] = []
    """Of the part that this process has."""
    holds: list[str] = []
    """Of a FlatParameter, the parameters in it."""


class Tensor(Record, frozen=True, kw_only=True):
    """A parameter or a buffer."""

    key: str
    kind: Literal["parameter", "buffer", "value"]
    """A value is what a row puts out; a model lists none among its tensors."""
    shape: list[int] | None
    dtype: str
    device: str
    trainable: bool
    persistent: bool
    elements: int | None
    bytes: int | None
    tied_to: list[str] = []
    expression: str
    lazy: bool = False
    distribution: Distribution | None = None
    """Where it is spread over processes; `shape` is that of the whole."""
    files: list[str] = []
    """Of a checkpoint of several files, those in which it lies; empty where one file holds everything."""
    pieces: list[TensorPiece] = []
    """Where it is split over several of them, or kept as one piece of a distributed checkpoint."""


class ModelInfo(Record, frozen=True, kw_only=True):
    """What was opened and how."""

    name: str
    framework: Literal["torch", "onnx", "file"]
    target: str
    weights: str | None = None
    training: bool = False
    devices: list[str] = []


class SizeRange(Record, frozen=True, kw_only=True):
    """Sizes of an input on which the model runs as well, the same along `axes`."""

    axes: list[int]
    low: int
    high: int | None
    """None where there is no largest one."""
    step: int = 1


class Input(Record, frozen=True, kw_only=True):
    """One input of the model, as the last pass used it."""

    name: str
    shape: list[int] | None
    dtype: str
    origin: Literal["given", "inferred", "declared"]
    alternatives: list[list[int]] = []
    spec: str = ""
    """How it is typed after ``--input``, with its distribution; "" before any pass."""
    reason: str = ""
    """Why this one was taken."""
    equation: str = ""
    """What its sizes solve: ``16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400``."""
    solutions: str = ""
    """All sizes that do, in words: ``h and w from 32 to 35``."""
    sizes: list[SizeRange] = []
    """The same in numbers, to step through."""
    symbolic_shape: SymbolicShape | None = None
    """As a file declares it, where that leaves sizes open."""


class Output(Record, frozen=True, kw_only=True):
    """One output tensor of the model."""

    name: str
    shape: list[int] | None
    dtype: str
    symbolic_shape: SymbolicShape | None = None
    """In the symbols that a file's inputs declare; None where it depends on none."""


class Totals(Record, frozen=True, kw_only=True):
    """Sums over distinct tensors and modules."""

    parameters: int = 0
    trainable_parameters: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    state_bytes: int = 0
    """Of optimizers' state in a file, which is in none of the counts above."""
    modules: int = 0
    flops: int | None = None
    macs: int | None = None
    activation_bytes: int | None = None
    """The root row's: the memory newly taken for the outputs of all calls of the pass, were none of it given back."""

    def with_costs_of(self, root: Row) -> "Totals":
        """With the costs of a whole pass, which are its root row's; formulas count a multiply-add as two operations."""
        return msgspec.structs.replace(self, flops=root.flops, macs=root.macs, activation_bytes=root.activation_bytes)


class Operand(Record, frozen=True, kw_only=True):
    """A tensor in the failing expression or among the locals of the failing forward."""

    text: str
    shape: list[int]
    dtype: str
    device: str


class SourceEdit(Record, frozen=True, kw_only=True):
    """Whole lines of a file and what to put in their place."""

    file: str
    line: int
    before: str
    after: str


class Fix(Record, frozen=True, kw_only=True):
    """A way to make a failing forward run, to be applied as it stands."""

    text: str
    """What to do, in a sentence that stands alone."""
    edits: list[SourceEdit] = []
    """Changes of the user's source, all of them needed."""
    statement: str = ""
    """Python on ``model``, where no single line of the source makes the change."""


class Failure(Record, frozen=True, kw_only=True):
    """Where and why a pass failed."""

    path: str
    type: str
    message: str
    source: Source | None = None
    expression: str = ""
    """The part of the source line that was being worked out."""
    input_shapes: list[list[int]] = []
    operands: list[Operand] = []
    explanation: str = ""
    suggestions: list[str] = []
    """The texts of the fixes, and inputs on which the model runs."""
    fixes: list[Fix] = []


class Note(Record, frozen=True, kw_only=True):
    """Something the user should know about how the table came to be."""

    code: str
    message: str
    path: str = ""


class ModelTable(Record, frozen=True, kw_only=True):
    """All that is known about an opened model: `summary --json`."""

    schema_version: int = 1
    model: ModelInfo
    inputs: list[Input] = []
    outputs: list[Output] = []
    totals: Totals = Totals()
    rows: list[Row] = []
    tensors: list[Tensor] = []
    failure: Failure | None = None
    notes: list[Note] = []
    load: Load | None = None
    file: FileInfo | None = None

    @property
    def knows_trainable(self) -> bool:
        """Whether "trainable" means something: a state_dict is detached, so that it says of no tensor that it is."""
        return self.file is None or self.totals.trainable_parameters > 0

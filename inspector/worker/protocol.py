"""What the front ends and the worker say to each other: one request type for each engine operation.

On the wire the worker begins with a line of text, its greeting (see `inspector.worker.greeting`). After it a message is
four bytes of length, big-endian, and that many bytes of msgpack: from the client a `FromClient`, from the worker a
`Message`.
"""

from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from inspector.core.ablation import AblationReport, AblationSettings
from inspector.core.device_budgets import PlanSettings
from inspector.core.differences import DiffReport
from inspector.core.edits import Edit
from inspector.core.export import ExportReport, ExportSettings
from inspector.core.findings import CheckReport, CheckSettings
from inspector.core.forward_settings import ForwardSettings
from inspector.core.graph_comparison import GraphComparison
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.results import (
    CloneReport,
    Device,
    EditReport,
    ForwardReport,
    InitPreview,
    KeyExplanation,
    SaveReport,
    SourceReport,
    ValuesReport,
)
from inspector.core.run_comparison import RunComparison, RunComparisonSettings
from inspector.core.self_tests import SelfTestReport, SelfTestSettings
from inspector.core.stops import Evaluation, StepCommand, StepReport, StepSettings
from inspector.core.table import ModelTable, Source
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.core.what_if import Proposal, WhatIfReport

PROTOCOL_VERSION = 3
PIPES_CLOSED = 74
"""Exit status of a worker that can no longer write to its client (EX_IOERR of sysexits.h)."""
R = TypeVar("R")


class Request(msgspec.Struct, Generic[R], frozen=True, kw_only=True, tag=True):
    """Something the engine is asked to do; `answer` is the type of its reply."""

    answer: ClassVar[Any]


class Open(Request[ModelTable], frozen=True, kw_only=True):
    """Open a model: its structure, before any pass."""

    recipe: Recipe
    answer: ClassVar[Any] = ModelTable


class Trace(Request[ModelTable], frozen=True, kw_only=True):
    """Shapes and receptive fields by one pass; with no inputs they are worked out."""

    inputs: list[InputSpec] = []
    answer: ClassVar[Any] = ModelTable


class Forward(Request[ForwardReport], frozen=True, kw_only=True):
    """A real pass, or several on batches drawn anew."""

    settings: ForwardSettings = ForwardSettings()
    optimised: bool = False
    """Afterwards once more, with the runtime's optimisations; of ONNX models only."""
    answer: ClassVar[Any] = ForwardReport


class CompareRuns(Request[RunComparison], frozen=True, kw_only=True):
    """Two real passes on the same input: as the model is, and in another state that is put back afterwards."""

    settings: RunComparisonSettings
    answer: ClassVar[Any] = RunComparison


class StartStepping(Request[StepReport], frozen=True, kw_only=True):
    """Begin a forward pass that waits at stops; one that waits already is left first.

    While it waits, only `LOOKING` is carried out besides what is asked of the pass.
    """

    settings: StepSettings = StepSettings()
    answer: ClassVar[Any] = StepReport


class Step(Request[StepReport], frozen=True, kw_only=True):
    """Go on from a stop to the next one or the end; cancelled on the way, the pass is left."""

    command: StepCommand
    breakpoints: list[str] | None = None
    """From now on; None leaves them as they are."""
    answer: ClassVar[Any] = StepReport


class LookAtStop(Request[StepReport], frozen=True, kw_only=True):
    """The stop at which the pass waits, once more."""

    answer: ClassVar[Any] = StepReport


class Evaluate(Request[Evaluation], frozen=True, kw_only=True):
    """The value of a Python expression in a frame of the stop."""

    expression: str
    frame: int = 0
    """From the innermost outwards."""
    answer: ClassVar[Any] = Evaluation


class ChangeAtStop(Request[StepReport], frozen=True, kw_only=True):
    """Change what the row puts out, or before the row its arguments; see `inspector.core.output_changes`."""

    change: str
    answer: ClassVar[Any] = StepReport


class Ablate(Request[AblationReport], frozen=True, kw_only=True):
    """How much the output changes without each of some rows; one pass for each."""

    settings: AblationSettings = AblationSettings()
    answer: ClassVar[Any] = AblationReport


class Memory(Request[MemoryReport], frozen=True, kw_only=True):
    """How much memory inference and training take."""

    settings: MemorySettings = MemorySettings()
    answer: ClassVar[Any] = MemoryReport


class Plan(Request[PlacementPlan], frozen=True, kw_only=True):
    """Which part of the model goes to which of several devices; nothing is moved."""

    settings: PlanSettings = PlanSettings()
    answer: ClassVar[Any] = PlacementPlan


class Check(Request[CheckReport], frozen=True, kw_only=True):
    """What is wrong."""

    settings: CheckSettings = CheckSettings()
    answer: ClassVar[Any] = CheckReport


class SelfTests(Request[SelfTestReport], frozen=True, kw_only=True):
    """What a model does before training: overfits a batch, depends on what it should; it stays as it is."""

    settings: SelfTestSettings = SelfTestSettings()
    answer: ClassVar[Any] = SelfTestReport


class Diff(Request[DiffReport], frozen=True, kw_only=True):
    """How the tensors differ from those of a file."""

    other: str
    answer: ClassVar[Any] = DiffReport


class CompareModels(Request[GraphComparison], frozen=True, kw_only=True):
    """How two models differ of which one is an ONNX file; what is open stays as it is."""

    a: Recipe
    b: Recipe
    answer: ClassVar[Any] = GraphComparison


class Repair(Request[RepairReport], frozen=True, kw_only=True):
    """Why a file does not load into the model, and what mends it; the mended file where one is to be written."""

    settings: RepairSettings
    answer: ClassVar[Any] = RepairReport


class Export(Request[ExportReport], frozen=True, kw_only=True):
    """Write the model as ONNX; compared with it row by row where asked for."""

    settings: ExportSettings
    answer: ClassVar[Any] = ExportReport


class CompareClone(Request[CloneReport], frozen=True, kw_only=True):
    """Whether a loaded clone gives the same output."""

    inputs: list[InputSpec] = []
    seed: int = 0
    answer: ClassVar[Any] = CloneReport


class Explain(Request[list[KeyExplanation]], frozen=True, kw_only=True):
    """Explain state_dict keys; all of them without `keys`."""

    keys: list[str] = []
    answer: ClassVar[Any] = list[KeyExplanation]


class Values(Request[ValuesReport], frozen=True, kw_only=True):
    """Values of a tensor, or of a slice such as ``[0, :, 3:5]``."""

    key: str
    """Of a tensor; in an ONNX graph also a value or the path of a node, as it was in the last real pass."""
    index: str = ""
    limit: int = 64
    answer: ClassVar[Any] = ValuesReport


class DrawValues(Request[ValuePicture], frozen=True, kw_only=True):
    """A picture of a tensor's values: a heat map, or the kernels of a convolution."""

    settings: PictureSettings
    answer: ClassVar[Any] = ValuePicture


class SourceOf(Request[SourceReport], frozen=True, kw_only=True):
    """The source of a module's forward; where `line` is not in it, of the function that holds that line."""

    path: str
    line: Source | None = None
    answer: ClassVar[Any] = SourceReport


class Preview(Request[InitPreview], frozen=True, kw_only=True):
    """What an `initialise` edit would do; `measured`: to the scale of the signal too, by a trial pass."""

    edit: Edit
    measured: bool = False
    answer: ClassVar[Any] = InitPreview


class WhatIf(Request[WhatIfReport], frozen=True, kw_only=True):
    """What other settings of one operation would change; nothing is changed."""

    proposal: Proposal
    answer: ClassVar[Any] = WhatIfReport


class Apply(Request[EditReport], frozen=True, kw_only=True):
    """Make a change."""

    edit: Edit
    answer: ClassVar[Any] = EditReport


class Undo(Request[EditReport], frozen=True, kw_only=True):
    """Take the last change back."""

    answer: ClassVar[Any] = EditReport


class Redo(Request[EditReport], frozen=True, kw_only=True):
    """Make the last undone change again."""

    answer: ClassVar[Any] = EditReport


class Devices(Request[list[Device]], frozen=True, kw_only=True):
    """The devices that exist where the worker runs."""

    answer: ClassVar[Any] = list[Device]


class Save(Request[SaveReport], frozen=True, kw_only=True):
    """Write the state_dict to a file, or an ONNX model with its changes."""

    path: str
    overwrite: bool = False
    external_data: bool = False
    """The weights of an ONNX model beside it; without it only where they were, or are too large for one file."""
    answer: ClassVar[Any] = SaveReport


AnyRequest = (
    Open
    | Trace
    | Forward
    | CompareRuns
    | StartStepping
    | Step
    | LookAtStop
    | Evaluate
    | ChangeAtStop
    | Ablate
    | Memory
    | Plan
    | Check
    | SelfTests
    | CompareClone
    | CompareModels
    | Diff
    | Repair
    | Explain
    | Export
    | Values
    | DrawValues
    | SourceOf
    | Preview
    | WhatIf
    | Apply
    | Undo
    | Redo
    | Devices
    | Save
)


LOOKING = (Explain, Values, DrawValues, SourceOf, Devices)
"""What needs no pass and changes nothing, also while a pass waits."""


class Call(msgspec.Struct, frozen=True, tag=True):
    """A request with its number, or the wish to cancel the one with that number."""

    id: int
    request: AnyRequest | None
    """None: cancel call `id`."""


class Interrupt(msgspec.Struct, frozen=True, tag=True):
    """Raise KeyboardInterrupt in the call with this number, where it still runs.

    A message and not a signal: a signal to ssh or srun would end them, and does not arrive where the worker is.
    """

    id: int


FromClient = Call | Interrupt


class Reply(msgspec.Struct, frozen=True, tag=True):
    """The answer to a call, still encoded: decode it as the request's `answer`."""

    id: int
    answer: msgspec.Raw


class Items(msgspec.Struct, frozen=True, tag=True):
    """Records of a long list inside an answer, sent before its `Reply`, where that list is empty."""

    id: int
    path: list[str]
    """The fields that lead to the list: ``["table", "rows"]``."""
    items: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The call could not be carried out."""

    id: int
    kind: Literal["request", "cancelled", "ended", "internal"]
    message: str
    traceback: str = ""
    models: list[str] | None = None
    """Of a target that names no single model: those in its file."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far a call has come."""

    id: int
    done: int
    total: int | None
    text: str


Message = Items | Reply | Refused | Progress


class Log(msgspec.Struct, frozen=True):
    """A line that the model's own code printed. The client reads these off the worker's standard error."""

    line: str


class WorkerState(msgspec.Struct, frozen=True):
    """A change in the worker's life."""

    state: Literal["starting", "ready", "lost", "replaying"]
    text: str
    """For people: "segmentation fault (signal 11) while running forward; reopening"."""


Event = Progress | Log | WorkerState

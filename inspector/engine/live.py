"""The live model: one interface, two implementations (a PyTorch module, an ONNX graph).

The rest of the program does not know which it talks to. Every method that can be refused raises
`inspector.core.errors.RequestError` with the sentence to show; a model whose forward fails is not an error but a
`Failure` in the table.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from inspector.core.ablation import AblationReport, AblationSettings
from inspector.core.device_budgets import PlanSettings
from inspector.core.edits import Edit
from inspector.core.export import ExportReport, ExportSettings
from inspector.core.forward_settings import ForwardSettings
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.results import (
    CloneReport,
    Device,
    ForwardReport,
    InitPreview,
    KeyExplanation,
    OptimisedRun,
    SaveReport,
    SourceReport,
    ValuesReport,
)
from inspector.core.run_comparison import RunComparison, RunComparisonSettings
from inspector.core.stops import StepSettings
from inspector.core.table import ModelTable, Source
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.core.what_if import Proposal, WhatIfReport

if TYPE_CHECKING:
    from inspector.engine.arrays import Array
    from inspector.engine.stepping import Stepping
    from inspector.engine.subject import ExperimentSubject

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, what): may raise `Cancelled` to stop the work."""
Undo = Callable[[], None]


class LiveModel(ABC):
    """An opened model."""

    recipe: Recipe

    @abstractmethod
    def table(self) -> ModelTable:
        """What is known now: the structure, and the shapes once a pass has run."""

    @abstractmethod
    def trace(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        """Work out shapes and receptive fields; without `inputs` the input is worked out too."""

    def traced(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        """The table with the shapes of a pass; of the last one, where that was made on these inputs."""
        return self.trace(inputs, progress)

    @abstractmethod
    def forward(self, settings: ForwardSettings, progress: Progress) -> ForwardReport:
        """Run on real values, drawn anew for each batch, and measure every row over all of them."""

    @abstractmethod
    def compare_runs(self, settings: RunComparisonSettings, progress: Progress) -> RunComparison:
        """Run as it is, then in another state on the same input; the model is as before afterwards."""

    @abstractmethod
    def step_through(self, settings: StepSettings, progress: Progress) -> "Stepping":
        """A forward pass to step through, before its start; see `inspector.engine.stepping`."""

    @abstractmethod
    def ablate(self, settings: AblationSettings, progress: Progress) -> AblationReport:
        """Switch rows off one by one and rank them by how much the output changes."""

    @abstractmethod
    def optimised(self, progress: Progress) -> OptimisedRun:
        """Run again as the last pass ran, with and without the optimisations of the runtime."""

    @abstractmethod
    def subject(self, inputs: list[InputSpec], progress: Progress) -> "ExperimentSubject":
        """The model for experiments that leave it as it is; `inputs` are worked out where there are none."""

    @abstractmethod
    def arrays(self) -> "Iterator[tuple[str, str, Array | None]]":
        """Key, dtype and values of each tensor, each memory once; None where it has no values to look at."""

    @abstractmethod
    def repair(self, settings: RepairSettings, progress: Progress) -> RepairReport:
        """Why a file of weights does not load, and what mends it; written to `output` where that is given."""

    @abstractmethod
    def memory(self, settings: MemorySettings, progress: Progress) -> MemoryReport:
        """Work out how much memory inference and training take, and where most."""

    @abstractmethod
    def plan(self, settings: PlanSettings, progress: Progress) -> PlacementPlan:
        """Which part of the model goes to which of several devices, and what crosses between them in a pass."""

    @abstractmethod
    def compare_clone(self, inputs: list[InputSpec], seed: int, progress: Progress) -> CloneReport:
        """Build the model again, load this one's state_dict, and compare the outputs on the same input."""

    @abstractmethod
    def export(self, settings: ExportSettings, progress: Progress) -> ExportReport:
        """Write the model as an ONNX file; where asked for, compare the file with it row by row."""

    @abstractmethod
    def explain(self, keys: list[str]) -> list[KeyExplanation]:
        """Explain state_dict keys; all of them where `keys` is empty."""

    @abstractmethod
    def values(self, key: str, index: str, limit: int) -> ValuesReport:
        """The values of the tensor `key` at an index expression such as ``[0, :, 3:5]``."""

    @abstractmethod
    def picture(self, wanted: PictureSettings) -> ValuePicture:
        """A heat map or the kernels of a tensor, in as many cells as are asked for."""

    @abstractmethod
    def lines_about(self, path: str) -> list[Source]:
        """The lines of the user's code that make the module or tensor at `path`, and define its class."""

    @abstractmethod
    def source(self, path: str, line: Source | None = None) -> SourceReport:
        """The source of the `forward` of the module at `path`; of the function around `line` where it is elsewhere."""

    @abstractmethod
    def preview(self, edit: Edit, measuring: Progress | None = None) -> InitPreview:
        """What an `initialise` edit would do, without doing it; with `measuring` to the signal too, by trial passes."""

    @abstractmethod
    def what_if(self, proposal: Proposal, progress: Progress) -> WhatIfReport:
        """Which shapes other settings of one operation would change; the model stays as it is."""

    def settled(self, edit: Edit, progress: Progress) -> Edit:
        """The edit with all that making it has to measure, so that making it again measures nothing."""
        return edit

    @abstractmethod
    def apply(self, edit: Edit) -> tuple[list[str], str, Undo]:
        """Make a change; return the keys it changed, a sentence saying what was done, and how to take it back."""

    @abstractmethod
    def devices(self) -> list[Device]:
        """The devices that exist here, with their memory."""

    @abstractmethod
    def save(self, path: str, overwrite: bool, external_data: bool = False) -> SaveReport:
        """Write the state_dict to `path`, atomically; refuse an existing file unless `overwrite`.

        With `external_data` the weights of an ONNX model go beside it, whatever their size.
        """

"""An ONNX file as a `LiveModel`.

What is known without a run is known without torch and onnxruntime: they take longer to import than most files take to
read, so what needs them imports them when it is asked for.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.ablation import AblationReport, AblationSettings
from inspector.core.device_budgets import PlanSettings
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.export import ExportReport, ExportSettings
from inspector.core.forward_settings import ForwardSettings
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe, later_seed, refuse_same_batches
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
from inspector.core.table import Failure, Input, ModelTable, Source
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.core.what_if import Proposal, WhatIfReport
from inspector.engine.live import LiveModel, Progress, Undo
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.naming import explain_keys
from inspector.engine.onnx_model.opening import read_graph
from inspector.engine.onnx_model.printing import source_of
from inspector.engine.onnx_model.saving import save
from inspector.engine.onnx_model.table import declared_as_inputs, table_again, table_of
from inspector.engine.onnx_model.tracing import Pass, trace

if TYPE_CHECKING:
    import torch

    from inspector.engine.arrays import Array
    from inspector.engine.onnx_model.forwarding import WentThrough
    from inspector.engine.row_values import GraphValues, Named
    from inspector.engine.stepping import Stepping
    from inspector.engine.subject import ExperimentSubject


def open_onnx(recipe: Recipe) -> LiveModel:
    """Open the ONNX file that `recipe` names.

    Raises RequestError where it cannot be read, or the recipe asks for what an ONNX file does not have: other weights,
    constructor arguments, a train mode.
    """
    refused = {"--weights": recipe.weights, "--args": recipe.arguments.strip(), "--train": recipe.training}
    for option, given in refused.items():
        if given:
            reason = "has no train mode" if option == "--train" else "brings its own weights and structure"
            raise RequestError(f"{recipe.target}: an ONNX file {reason}; leave {option} out")
    device = recipe.device or "cpu"
    _refuse_missing(device)
    return OnnxModel(recipe, read_graph(recipe.target), device)


_NOT_SPREAD = "an ONNX graph runs in one piece, by one provider of ONNX Runtime; only PyTorch models are spread"


class OnnxModel(LiveModel):
    """A graph, what its last pass found, and where it runs. Each run makes its own session, so edits need no more."""

    def __init__(self, recipe: Recipe, graph: Graph, device: str) -> None:
        self.recipe = recipe
        self.graph = graph
        self._device = device
        self._pass = Pass()
        self._specs: list[InputSpec] = []
        self._ran_with: tuple[list[InputSpec], int] | None = None
        """Inputs and seed of the last real pass."""
        self._inputs: list[Input] = declared_as_inputs(graph)
        self._failure: Failure | None = None
        self._table: ModelTable | None = None

    def table(self) -> ModelTable:
        """The structure; with the shapes of the last pass."""
        if self._table is None:
            self._table = table_of(self.graph, self.recipe, self._device, self._inputs, self._pass, self._failure)
        return self._table

    def trace(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        """Work out shapes by inference, by a run where that is not enough; then fields and formulas."""
        found = trace(self.graph, inputs or self.recipe.inputs, self._device, self.recipe.seed, progress)
        self._pass, self._specs, self._inputs, self._failure = found.made, found.specs, found.inputs, found.failure
        self._table = None
        return self.table()

    def forward(self, settings: ForwardSettings, progress: Progress) -> ForwardReport:
        """Run with every node's output measured.

        Raises RequestError for a backward pass, which ONNX has not, and for several devices.
        """
        if settings.placement is not None:
            raise RequestError(_NOT_SPREAD)
        if settings.timed:
            raise RequestError("the times of an ONNX graph's nodes are onnxruntime's own; --batches repeats the run")
        if settings.backward:
            raise RequestError("an ONNX graph has no gradients; run the forward pass alone, or open the PyTorch model")
        from inspector.engine.onnx_model.forwarding import measured

        specs = self._specs_for(settings.inputs, progress)
        refuse_same_batches(specs, settings.batches)
        self._ran_with = specs, settings.seed
        progress(0, 2, "running with onnxruntime")
        runs = self._runs(specs, settings)
        return measured(self.graph, runs, settings.batches, settings.seed, self.table, progress)

    def _runs(self, specs: list[InputSpec], settings: ForwardSettings) -> Iterator["WentThrough"]:
        """Those of all batches up to one that fails; the table tells of the first, or of that one."""
        from inspector.engine.onnx_model.forwarding import went_through

        for number in range(settings.batches):
            went = went_through(self.graph, specs, self._device, later_seed(settings.seed, number), self._pass)
            if not number or went.failure is not None:
                as_before = went.failure is None and self._failure is None and went.made.tells_as(self._pass)
                again = table_again(self.table(), self.graph, self._device, went.made) if as_before else None
                self._pass, self._failure, self._table = went.made, went.failure, again
            yield went
            if went.failure is not None:
                return

    def compare_runs(self, settings: RunComparisonSettings, progress: Progress) -> RunComparison:
        """Run beside another file of the same structure on the same inputs."""
        from inspector.engine.onnx_model.comparing_runs import compare_runs

        specs = self._specs_for(settings.run.inputs, progress)
        return compare_runs(self, specs, settings, progress)

    def step_through(self, settings: StepSettings, progress: Progress) -> "Stepping":
        """Along one run, node by node."""
        from inspector.engine.onnx_model.stepping import GraphStepping

        specs = self._specs_for(settings.inputs, progress)
        progress(0, None, "running with onnxruntime")
        return GraphStepping(self.graph, self.table(), specs, settings, self._device)

    def ablate(self, settings: AblationSettings, progress: Progress) -> AblationReport:
        """Not of a graph: onnxruntime runs it in one piece."""
        raise RequestError("rows are switched off in the forward of a PyTorch model, which an ONNX graph has not")

    def optimised(self, progress: Progress) -> OptimisedRun:
        """With onnxruntime's optimisations and without."""
        from inspector.engine.onnx_model.feeding import draw
        from inspector.engine.onnx_model.optimising import optimised_run
        from inspector.engine.onnx_model.providers import provider_of

        specs, seed = self._last_run(progress)
        return optimised_run(self.graph, draw(self.graph, specs, seed), provider_of(self._device), seed, progress)

    def _last_run(self, progress: Progress) -> tuple[list[InputSpec], int]:
        """Inputs and seed of the last real pass, else of one with inputs that are worked out."""
        return self._ran_with or (self._specs_for([], progress), self.recipe.seed)

    def repair(self, settings: RepairSettings, progress: Progress) -> RepairReport:
        raise RequestError("an ONNX model holds its own weights; name a PyTorch model after --for")

    def export(self, settings: ExportSettings, progress: Progress) -> ExportReport:
        raise RequestError("this is an ONNX model already; name the PyTorch model that it came from")

    def memory(self, settings: MemorySettings, progress: Progress) -> MemoryReport:
        raise RequestError("memory is worked out for PyTorch models only: ONNX Runtime plans its own use of memory")

    def plan(self, settings: PlanSettings, progress: Progress) -> PlacementPlan:
        """Not of an ONNX graph."""
        raise RequestError(_NOT_SPREAD)

    def compare_clone(self, inputs: list[InputSpec], seed: int, progress: Progress) -> CloneReport:
        """Save the graph, read the file back, and compare the outputs of both to the bit.

        Raises RequestError where the model does not run.
        """
        from inspector.engine.onnx_model.comparing import compare_clone

        return compare_clone(self.graph, self._specs_for(inputs, progress), self._device, seed, progress)

    def _specs_for(self, inputs: list[InputSpec], progress: Progress) -> list[InputSpec]:
        """The inputs given, else those of the last pass."""
        if inputs or not self._specs:
            self.trace(inputs, progress)
        if self.graph.inputs and not self._specs:
            raise RequestError(next(note.message for note in self._pass.notes if note.code == "no-input"))
        return self._specs

    def named_inputs(self, inputs: list[InputSpec], seed: int, progress: Progress) -> "tuple[Named, list[str]]":
        """Values for the inputs given, else worked out, by name; and how they are typed after ``--input``."""
        import torch

        from inspector.engine.onnx_model.feeding import draw

        feeds = draw(self.graph, self._specs_for(inputs, progress), seed)
        tensors = [(name, value) for name, value in feeds.items() if isinstance(value, torch.Tensor)]
        if len(tensors) < len(feeds):
            raise RequestError("only models that take tensors of numbers can be compared row by row")
        return tensors, [str(spec) for spec in self._specs]

    def graph_values(self, given: "Named", seed: int) -> "GraphValues":
        """What every node makes of these inputs."""
        from inspector.engine.onnx_model.providers import provider_of
        from inspector.engine.onnx_model.row_values import graph_values

        return graph_values(self.graph, given, provider_of(self._device), seed)

    def explain(self, keys: list[str]) -> list[KeyExplanation]:
        """Explain initializers' names."""
        return explain_keys(self.graph, self.table().tensors, keys)

    def values(self, key: str, index: str, limit: int) -> ValuesReport:
        """The values of an initializer or constant, or of what a node put out in the last pass."""
        from inspector.engine.values import read_values

        return read_values(self._tensor(key), key, index, limit)

    def picture(self, wanted: PictureSettings) -> ValuePicture:
        """Of an initializer or constant, or of what a node put out in the last pass."""
        from inspector.engine.values import read_picture

        return read_picture(self._tensor(wanted.key), wanted)

    def _tensor(self, key: str) -> "torch.Tensor":
        from inspector.engine.onnx_model.torch_values import values_of
        from inspector.engine.onnx_model.values_of_pass import value_of_pass

        if key in self.graph.holders:
            return values_of(self.graph, key)
        specs, seed = self._last_run(lambda done, total, what: None)
        return value_of_pass(self.graph, key, specs, self._device, seed)

    def subject(self, inputs: list[InputSpec], progress: Progress) -> "ExperimentSubject":
        from inspector.engine.onnx_model.graph_subject import GraphSubject

        return GraphSubject(
            self.graph, lambda: self._specs_for(inputs, progress), self._device, self.recipe.seed, progress
        )

    def arrays(self) -> Iterator[tuple[str, str, "Array | None"]]:
        """Of the initializers; None for text."""
        from inspector.engine.arrays import array_of
        from inspector.engine.onnx_model.torch_values import dense_values

        for tensor in self.table().tensors:
            values = dense_values(self.graph, tensor.key)
            yield tensor.key, tensor.dtype, None if values is None else array_of(values)

    def lines_about(self, path: str) -> list[Source]:
        """None: what a file tells of its code is the line of each node, which findings carry."""
        return []

    def source(self, path: str, line: Source | None = None) -> SourceReport:
        """The node, or the nodes of a scope, as onnx prints them."""
        return source_of(self.graph, path)

    def preview(self, edit: Edit, measuring: Progress | None = None) -> InitPreview:
        """What an `initialise` edit would do; nothing is measured."""
        from inspector.engine.onnx_model.editing import preview_initialise

        preview = preview_initialise(self.graph, edit, self.table().tensors, self.table().rows)
        return replace(preview, measured="not measured: that needs a PyTorch model") if measuring else preview

    def what_if(self, proposal: Proposal, progress: Progress) -> WhatIfReport:
        """Not of a graph: its nodes' settings stand in the file."""
        raise RequestError("what-if needs a PyTorch model; an ONNX graph's settings are fixed where it was exported")

    def apply(self, edit: Edit) -> tuple[list[str], str, Undo]:
        """Initialise, set an element, rename, or choose another execution provider."""
        from inspector.engine.onnx_model.editing import apply_initialise, apply_set_element

        if edit.action == "initialise":
            return apply_initialise(self.graph, edit, self.table().tensors, self.table().rows)
        if edit.action == "set_element":
            return apply_set_element(self.graph, edit)
        if edit.action == "place":
            return self._place(edit)
        if edit.action == "rename":
            return self._rename(edit)
        if edit.action in ("requires_grad", "tie"):
            raise RequestError(
                "an ONNX graph is not trained: it has no gradients, and what it shares is one initializer"
            )
        if edit.action == "materialise":
            raise RequestError("an ONNX graph has its values in its file, none on meta")
        raise RequestError("an ONNX graph has neither train nor eval mode: what it does was fixed when it was exported")

    def devices(self) -> list[Device]:
        """The CPU and onnxruntime's other execution providers."""
        from inspector.engine.onnx_model.providers import devices

        return devices()

    def save(self, path: str, overwrite: bool, external_data: bool = False) -> SaveReport:
        """Write the model with its edits as an `.onnx` file."""
        return save(self.graph, path, overwrite, external_data)

    def _rename(self, edit: Edit) -> tuple[list[str], str, Undo]:
        from inspector.engine.onnx_model.renaming import rename

        keys, message, old, undo = rename(self.graph, edit)
        new = edit.argument.strip()

        def follow(before: str, after: str) -> None:
            """What is known goes by names: inputs under the new one, and the last pass made again."""
            self.recipe = replace(self.recipe, inputs=_called(self.recipe.inputs, before, after))
            specs = _called(self._specs, before, after)
            self._pass, self._inputs, self._failure = Pass(), declared_as_inputs(self.graph), None
            self._specs, self._table = [], None
            if specs:
                self.trace(specs, lambda done, total, text: None)

        def take_back() -> None:
            undo()
            follow(new, old)

        follow(old, new)
        return keys, message, take_back

    def _place(self, edit: Edit) -> tuple[list[str], str, Undo]:
        if edit.where:
            raise RequestError("an ONNX model moves as a whole; leave the path empty")
        _refuse_missing(edit.argument)
        before = self._device

        def move(device: str) -> None:
            self._device = device
            # Where nodes ran was on the device before.
            self._pass, self._table = self._pass.placed({}), None

        move(edit.argument)
        return [], f"the model runs on {edit.argument}", lambda: move(before)


def _called(specs: list[InputSpec], before: str, after: str) -> list[InputSpec]:
    return [replace(spec, name=after) if spec.name == before else spec for spec in specs]


def _refuse_missing(device: str) -> None:
    """Raise RequestError where the device does not exist here; the CPU does, without asking onnxruntime."""
    if device != "cpu":
        from inspector.engine.onnx_model.providers import provider_of

        provider_of(device)

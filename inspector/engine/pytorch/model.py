"""A PyTorch module as a `LiveModel`."""

import contextlib
import copy
import linecache
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from msgspec.structs import replace as with_fields

from inspector.core.ablation import AblationReport, AblationSettings
from inspector.core.collection import no_collection
from inspector.core.device_budgets import PlanSettings
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.export import ExportReport, ExportSettings
from inspector.core.forward_settings import ForwardSettings
from inspector.core.loads import Load
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe, later_seed, parse_target, refuse_same_batches
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.results import (
    PART_OF_DISTRIBUTED,
    CloneReport,
    Device,
    FirstNonfinite,
    ForwardReport,
    InitPreview,
    KeyExplanation,
    OptimisedRun,
    SaveReport,
    SourceReport,
    ValuesReport,
)
from inspector.core.row_comparison import RowComparison
from inspector.core.run_comparison import RunComparison, RunComparisonSettings
from inspector.core.stops import StepSettings
from inspector.core.table import ModelTable, Note, Output, Row, Source
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.core.what_if import Proposal, WhatIfReport
from inspector.engine.arrays import Array, array_of
from inspector.engine.devices import existing_devices
from inspector.engine.live import LiveModel, Progress, Undo
from inspector.engine.pytorch import editing, materialising, placing, torchvision_operators, tying
from inspector.engine.pytorch.ablating import ablate
from inspector.engine.pytorch.backward_failures import failure_of_backward
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord, take_flops
from inspector.engine.pytorch.comparing import compared
from inspector.engine.pytorch.distribution import distribution_of, local_part
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.gradient_uses import with_uses
from inspector.engine.pytorch.inputs.arguments import arguments_for, converted, device_of_inputs
from inspector.engine.pytorch.inputs.showing import as_inputs, is_complete
from inspector.engine.pytorch.lines_about import lines_about
from inspector.engine.pytorch.mapped_weights import without_values
from inspector.engine.pytorch.measured_passes import measured_passes
from inspector.engine.pytorch.memory_report import memory_report, subject_of
from inspector.engine.pytorch.model_table import Static, make_table, static_of
from inspector.engine.pytorch.naming import explain_keys
from inspector.engine.pytorch.opening import Opened, open_module
from inspector.engine.pytorch.places import empty_names, holdings_of, inventory_of, places_of
from inspector.engine.pytorch.planning import plan_over, realigned
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.rehearsing import what_if
from inspector.engine.pytorch.repairing import repair
from inspector.engine.pytorch.running import Run, previews
from inspector.engine.pytorch.saving import save_state_dict
from inspector.engine.pytorch.shape_pass import has_lazy, materialise, materialised_copy, real_pass
from inspector.engine.pytorch.signatures import no_forward, refuse_wrong_names
from inspector.engine.pytorch.source_lines import function_source, script_source
from inspector.engine.pytorch.stepping.torch_stepping import stepping_through
from inspector.engine.pytorch.structure import dtype_name, submodule
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.tracing import Trace, count_calls, infer, trace
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.pytorch.weights import load_weights
from inspector.engine.stepping import Stepping
from inspector.engine.user_paths import user_path
from inspector.engine.values import read_picture, read_values

if TYPE_CHECKING:
    from inspector.engine.onnx_model.graph import Graph


class TorchModel(LiveModel):
    """A module that was opened from a recipe, or that was alive already."""

    def __init__(
        self, recipe: Recipe, opened: Opened, load: Load | None = None, modes: dict[str, bool] | None = None
    ) -> None:
        self.recipe = recipe
        self._modes = modes or {}
        """Which modules were in train mode before this model was given a mode as a whole."""
        self._opened = opened
        self.module = opened.model
        self._load = load
        self._trace = Trace()
        self._table: ModelTable | None = None
        self._static: Static | None = None
        """None after an edit."""

    @classmethod
    def open(cls, recipe: Recipe, progress: Progress = lambda *_: None) -> "TorchModel":
        """Open what `recipe` names: construct, load the weights, move, set the mode."""
        progress(0, 3, "making the model")
        with without_values() if recipe.mapped else contextlib.nullcontext():
            opened = open_module(recipe)
        torchvision_operators.use_python_operators()
        load = None
        if recipe.weights:
            progress(1, 3, "loading weights")
            load = load_weights(opened.model, recipe.weights, recipe.allow_outside, recipe.container, recipe.mapped)
        if recipe.device:
            progress(2, 3, f"moving to {recipe.device}")
            placing.move(opened.model, recipe.device)
        modes = {path: module.training for path, module in opened.model.named_modules()}
        opened.model.train(recipe.training)
        return cls(recipe, opened, load, modes)

    @classmethod
    def alive(cls, module: torch.nn.Module, recipe: Recipe) -> "TorchModel":
        """A module that the caller has; it stays where it is, in the mode that it is in.

        Raises RequestError where the recipe has weights to load: that is for the caller's program to do.
        """
        if recipe.weights is not None:
            raise RequestError(
                f"{recipe.target} lives in your program; load {recipe.weights} there, with model.load_state_dict(…)"
            )
        torchvision_operators.use_python_operators()
        opened = Opened(module, type(module).__name__, lambda seed: copy.deepcopy(module))
        return cls(recipe, opened, modes={path: one.training for path, one in module.named_modules()})

    def table(self) -> ModelTable:
        if self._table is None:
            self._table = self._make_table()[0]
        return self._table

    @no_collection()
    def _make_table(self) -> tuple[ModelTable, list[CallRecord | None]]:
        self._static = self._static or static_of(self.module)
        return make_table(self._opened, self.recipe, self._load, self._static, self._trace)

    # Passes

    def trace(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        given = inputs or self.recipe.inputs
        self._trace = trace(self.module, self.recipe.target, given, self._trace, self.recipe.seed, progress)
        self._table = None
        return self.table()

    def traced(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        known = self._trace.root is not None and (not inputs or inputs == self._trace.specs)
        return self.table() if known else self.trace(inputs, progress)

    def forward(self, settings: ForwardSettings, progress: Progress, dtype: torch.dtype | None = None) -> ForwardReport:
        """The same with inputs of floating point as `dtype`, where that is given."""
        seed, placement = settings.seed, settings.placement
        specs = self._forward_specs(settings.inputs, progress)
        refuse_same_batches(specs, settings.batches)

        def draw(number: int = 0, device: str | None = None) -> Arguments:
            return converted(arguments_for(self.module, specs, later_seed(seed, number), device), dtype)

        self._materialise(draw(), seed)
        tensors = tensors_of(self.module)
        before, plan = list[Row](), None
        if placement is not None:
            before = self.table().rows
            plan = self.plan(with_fields(placement, inputs=specs), progress)
        run, timing = measured_passes(self.module, settings, draw, plan, self._trace.calls, progress)
        failure = run.failure
        if run.backward_problem is not None:
            failure = failure_of_backward(run.backward_problem, self.subject(specs, progress))
        if settings.inputs:
            shown = as_inputs(self.module, specs, "given")
            self._trace = replace(self._trace, inputs=shown, specs=specs)
        if run.recorder.root is not None:
            # Counting takes time of its own, so it was done when shapes were worked out.
            take_flops(self._trace.root, run.recorder.root)
        outputs = previews(run.output) if run.failure is None else []
        self._trace = replace(
            self._trace,
            root=run.recorder.root,
            failure=failure,
            calls=count_calls(run.recorder.root),
            outputs=[Output(name=output.name, shape=output.shape, dtype=output.dtype) for output in outputs],
        )
        table, calls = self._make_table()
        self._table = table
        kept = self._kept_for_backward(specs, progress) if run.gradients else [None for _ in calls]
        gradients = run.gradients
        if settings.batches == 1 and plan is None:
            gradients = with_uses(gradients, self.module, draw, seed, table.rows, tensors)
        return ForwardReport(
            table=table,
            runs=[run.row_run(call, saved) for call, saved in zip(calls, kept, strict=True)],
            outputs=outputs,
            gradients=gradients,
            first_nonfinite=_numbered(run, table.rows, calls),
            seconds=run.seconds,
            seed=seed,
            batches=run.passes,
            timing=timing,
            placement=None if plan is None else realigned(plan, before, table.rows),
        )

    def _kept_for_backward(self, specs: list[InputSpec], progress: Progress) -> list[int | None]:
        """Bytes by row; told by stand-ins, since hooks on what is kept hide changes in place from autograd."""
        try:
            return [row.saved_bytes for row in self.memory(MemorySettings(inputs=specs), progress).rows]
        except RequestError:
            return [None for _ in self.table().rows]

    def compare_runs(self, settings: RunComparisonSettings, progress: Progress) -> RunComparison:
        from inspector.engine.pytorch.other_states import put_into

        other = settings.other
        before = self.forward(settings.run, progress)
        known = self._trace, self._table, self._static
        try:
            with untouched(self.module, values=True, lazily=False), modes_kept(self.module):
                told = put_into(self.module, other, self.recipe, before.table)
                self._table = self._static = None
                dtype = getattr(torch, other.argument) if other.kind == "dtype" else None
                after = self.forward(settings.run, progress, dtype=dtype)
        finally:
            self._trace, self._table, self._static = known
        return RunComparison(before=before, after=after, told=told)

    def _forward_specs(self, inputs: list[InputSpec], progress: Progress) -> list[InputSpec]:
        nothing = no_forward(self.module)
        if nothing is not None:
            raise RequestError(f"{nothing}; name a model that has one")
        given = inputs or self.recipe.inputs
        refuse_wrong_names(self.module, given)
        if not inputs and self._trace.specs:
            return self._trace.specs
        if given and is_complete(self.module, given):
            return given
        found = infer(self.module, self.recipe.target, given, self.recipe.seed, progress)
        if isinstance(found, Note):
            raise RequestError(found.message)
        self._trace = replace(self._trace, specs=found.specs, inputs=found.inputs)
        return found.specs

    def step_through(self, settings: StepSettings, progress: Progress) -> Stepping:
        specs = self._forward_specs(settings.inputs, progress)
        self._materialise(arguments_for(self.module, specs, settings.seed), settings.seed)
        return stepping_through(self.module, specs, settings, self.table().rows, self._trace.calls, progress)

    def ablate(self, settings: AblationSettings, progress: Progress) -> AblationReport:
        specs = self._forward_specs(settings.inputs, progress)
        arguments = arguments_for(self.module, specs, settings.seed)
        self._materialise(arguments, settings.seed)
        return ablate(self.module, arguments, settings, self.table(), progress)

    def memory(self, settings: MemorySettings, progress: Progress) -> MemoryReport:
        specs = self._forward_specs(settings.inputs, progress)
        subject = subject_of(self.module, specs, self.recipe.seed, self.table().rows)
        return memory_report(subject, settings, progress)

    def plan(self, settings: PlanSettings, progress: Progress) -> PlacementPlan:
        """Of a model whose input nobody knows too, but then nothing tells what crosses."""
        arguments: Arguments | None = None
        module = self.module
        with contextlib.suppress(RequestError):
            specs = self._forward_specs(settings.inputs, progress)
            subject = subject_of(module, specs, self.recipe.seed, self.table().rows)
            module, arguments = subject.module, subject.arguments
        progress(0, None, "planning")
        return plan_over(module, arguments, self.table().rows, settings, existing_devices(), self.recipe.seed)

    def compare_clone(self, inputs: list[InputSpec], seed: int, progress: Progress) -> CloneReport:
        specs = self._forward_specs(inputs, progress)
        arguments = arguments_for(self.module, specs, seed)
        clone = self._opened.build(later_seed(self.recipe.seed, 1))
        clone.load_state_dict(self.module.state_dict())
        placing.place_alike(self.module, clone)
        progress(0, 2, "the model")
        original = real_pass(self.module, arguments, Recorder(self.module), seed)
        progress(1, 2, "its clone")
        copied = real_pass(clone, arguments, Recorder(clone), seed)
        return compared(original, copied)

    def export(self, settings: ExportSettings, progress: Progress) -> ExportReport:
        # torch's exporter takes two seconds to import.
        from inspector.engine.pytorch.exporting.exporting import export

        specs = self._forward_specs(settings.inputs, progress)
        self._materialise(arguments_for(self.module, specs, settings.seed), settings.seed)
        return export(self.module, specs, settings, progress)

    def compare_rows(self, graph: "Graph", inputs: list[InputSpec], seed: int, progress: Progress) -> RowComparison:
        """Run beside an ONNX graph on the same inputs; see `inspector.engine.pytorch.exporting.comparing`."""
        from inspector.engine.onnx_model.providers import provider_of
        from inspector.engine.pytorch.exporting.comparing import compare_rows, fitting

        specs = self._forward_specs(inputs, progress)
        specs = specs if inputs else fitting(graph, specs)
        self._materialise(arguments_for(self.module, specs, seed), seed)
        return compare_rows(self.module, graph, specs, provider_of("cpu"), seed, progress)

    def _materialise(self, arguments: Arguments, seed: int) -> None:
        """Give lazy tensors their shapes, where there are any."""
        if has_lazy(self.module):
            materialise(self.module, arguments, seed)
            self._table = self._static = None
            self._trace = replace(self._trace, materialised=None)

    # Looking

    def explain(self, keys: list[str]) -> list[KeyExplanation]:
        return explain_keys(self.module, keys)

    def values(self, key: str, index: str, limit: int) -> ValuesReport:
        tensor = self._tensor(key)
        report = read_values(local_part(tensor), key, index, limit)
        is_part = distribution_of(tensor) is not None
        return with_fields(report, numbers_are=PART_OF_DISTRIBUTED) if is_part else report

    def picture(self, wanted: PictureSettings) -> ValuePicture:
        return read_picture(local_part(self._tensor(wanted.key)), wanted)

    def repair(self, settings: RepairSettings, progress: Progress) -> RepairReport:
        constructor = self._opened.constructor
        return repair(self.module, settings, progress, constructor, self.recipe.allow_outside)

    def optimised(self, progress: Progress) -> OptimisedRun:
        """Not of a PyTorch model: nothing rewrites it before it runs."""
        raise RequestError("--optimised is for ONNX models, which onnxruntime rewrites; leave it out")

    def subject(self, inputs: list[InputSpec], progress: Progress) -> Subject:
        linecache.checkcache()
        target = parse_target(self.recipe.target)
        file = None if target.kind == "live" else user_path(target.location)
        module = self.module
        if has_lazy(module):
            with contextlib.suppress(RequestError):
                specs = self._specs_of_pass(inputs, progress)
                module = materialised_copy(module, arguments_for(module, specs, self.recipe.seed), self.recipe.seed)
        return Subject(
            module,
            lambda: self._specs_of_pass(inputs, progress),
            self.recipe.seed,
            progress,
            self._modes,
            [str(file)] if file is not None and file.is_file() else [],
            lambda: self.traced(inputs, progress).totals.flops,
        )

    def _specs_of_pass(self, inputs: list[InputSpec], progress: Progress) -> list[InputSpec]:
        self.traced(inputs, progress)
        return self._forward_specs(inputs, progress)

    def arrays(self) -> Iterator[tuple[str, str, Array | None]]:
        inventory = inventory_of(self.module)
        seen: set[tuple[object, ...]] = set()
        for holding, known in zip(inventory.holdings, inventory.identities, strict=True):
            if known not in seen:
                seen.add(known)
                yield holding.key, dtype_name(holding.tensor.dtype), array_of(holding.tensor)

    def _tensor(self, key: str) -> torch.Tensor:
        path, _, name = key.rpartition(".")
        places = places_of(self.module)
        tensor = next((holding.tensor for holding in holdings_of(places) if holding.key == key), None)
        if tensor is not None:
            return tensor
        owner = next((place.module for place in places if place.path == path), None)
        if owner is not None and name in empty_names(owner):
            raise RequestError(f"{key} is None: this module was made without it")
        raise RequestError(f"the model has no tensor {key!r}; `nninspect keys` lists them")

    def lines_about(self, path: str) -> list[Source]:
        return lines_about(self.module, path)

    def source(self, path: str, line: Source | None = None) -> SourceReport:
        module = submodule(self.module, path)
        if isinstance(module, torch.jit.ScriptModule):
            return script_source(path, module)
        return function_source(path, type(module).forward, line)

    def devices(self) -> list[Device]:
        return existing_devices()

    # Changing

    def preview(self, edit: Edit, measuring: Progress | None = None) -> InitPreview:
        edit = self.settled(edit, measuring or (lambda *_: None))
        table = self.table()
        preview = editing.preview(self.module, edit, table.tensors, table.rows, self._trace.root)
        if measuring is None:
            return preview
        from inspector.engine.pytorch.scale_trial import with_trial

        return with_trial(preview, edit, self.subject([], measuring), table.tensors, table.rows)

    def what_if(self, proposal: Proposal, progress: Progress) -> WhatIfReport:
        if self._trace.root is None:
            self.trace([], progress)
        specs = self._forward_specs(proposal.inputs, progress)
        progress(0, None, "working out shapes")
        arguments, module = arguments_for(self.module, specs, self.recipe.seed), self._trace.materialised or self.module
        device, rows = device_of_inputs(self.module), self.table().rows
        return what_if(module, arguments, proposal, rows, self._trace.root, specs, device, self.recipe.seed)

    def settled(self, edit: Edit, progress: Progress) -> Edit:
        if edit.action != "initialise" or edit.scales is not None:
            return edit
        from inspector.engine.pytorch.lsuv import with_scales

        table = self.table()
        return with_scales(edit, self.subject([], progress), table.tensors, table.rows)

    def apply(self, edit: Edit) -> tuple[list[str], str, Undo]:
        if edit.action == "rename":
            raise RequestError("names of a PyTorch model stand in its code; only what is in an ONNX file is renamed")
        table = self.table()
        apply: dict[str, Callable[[], tuple[list[str], str, Undo]]] = {
            "initialise": lambda: editing.apply_initialise(self.module, edit, table.tensors, table.rows),
            "set_element": lambda: editing.apply_set_element(self.module, edit, table.tensors),
            "place": lambda: placing.apply_place(self.module, edit),
            "mode": lambda: placing.apply_mode(self.module, edit),
            "requires_grad": lambda: tying.apply_requires_grad(self.module, edit),
            "tie": lambda: tying.apply_tie(self.module, edit),
            "materialise": lambda: materialising.apply_materialise(self.module, edit),
        }
        keys, message, undo = apply[edit.action]()
        self._table = self._static = None

        def undo_and_forget() -> None:
            undo()
            self._table = self._static = None

        return keys, message, undo_and_forget

    def save(self, path: str, overwrite: bool, external_data: bool = False) -> SaveReport:
        if external_data:
            raise RequestError(f"{path}: a state_dict is one file; leave --external-data out, it is for ONNX models")
        return save_state_dict(self.module.state_dict(), path, overwrite)


def _numbered(run: Run, rows: list[Row], calls: list[CallRecord | None]) -> FirstNonfinite | None:
    """The first call with NaN or Inf in its output, as the table numbers it."""
    for row, call in zip(rows, calls, strict=True):
        if call is not None and call is run.first_nonfinite:
            return FirstNonfinite(path=row.path, call=row.call, source=row.source)
    return None

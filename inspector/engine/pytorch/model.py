"""A PyTorch module as a `LiveModel`."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import torch

from inspector.core.ablation import AblationReport, AblationSettings
from inspector.core.collection import no_collection
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.export import ExportReport, ExportSettings
from inspector.core.load_notes import load_notes
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.recipe import InputSpec, Recipe, later_seed, parse_target
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.results import (
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
from inspector.core.stops import StepSettings
from inspector.core.table import Load, ModelInfo, ModelTable, Note, Output, Row, Source, Tensor, Totals
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.core.what_if import Proposal, WhatIfReport
from inspector.engine.arrays import Array, array_of
from inspector.engine.devices import existing_devices
from inspector.engine.live import LiveModel, Progress, Undo
from inspector.engine.pytorch import editing, placing, torchvision_operators
from inspector.engine.pytorch.ablating import ablate
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.comparing import compared
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.inputs.arguments import arguments_for, device_of_inputs
from inspector.engine.pytorch.inputs.showing import as_inputs, is_complete
from inspector.engine.pytorch.layer_formulas import with_own_formulas
from inspector.engine.pytorch.lines_about import lines_about
from inspector.engine.pytorch.memory_report import memory_report, subject_of
from inspector.engine.pytorch.naming import explain_keys
from inspector.engine.pytorch.opening import Opened, open_module
from inspector.engine.pytorch.places import Inventory, empty_names, holdings_of, inventory_of, places_of
from inspector.engine.pytorch.recording import CallRecord, Recorder, take_flops
from inspector.engine.pytorch.rehearsing import what_if
from inspector.engine.pytorch.repairing import repair
from inspector.engine.pytorch.running import Run, previews, run_forward
from inspector.engine.pytorch.saving import save_state_dict
from inspector.engine.pytorch.shape_pass import has_lazy, materialise, materialised_copy, real_pass
from inspector.engine.pytorch.signatures import no_forward, refuse_wrong_names
from inspector.engine.pytorch.source_lines import function_source, script_source
from inspector.engine.pytorch.stepping.torch_stepping import stepping_through
from inspector.engine.pytorch.structure import dtype_name, opaque_places, static_rows, submodule, totals_of
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.tracing import Trace, count_calls, infer, trace
from inspector.engine.pytorch.weights import load_weights
from inspector.engine.stepping import Stepping
from inspector.engine.user_paths import user_path
from inspector.engine.values import read_picture, read_values

if TYPE_CHECKING:
    from inspector.engine.activations import Activations
    from inspector.engine.nonfinite import Origins
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
        self._static: tuple[Inventory, list[Row], list[Tensor], Totals] | None = None
        """What no pass changes; None after an edit."""

    @classmethod
    def open(cls, recipe: Recipe) -> "TorchModel":
        """Open what `recipe` names: construct, load the weights, move, set the mode."""
        opened = open_module(recipe)
        torchvision_operators.use_python_operators()
        load = None
        if recipe.weights:
            load = load_weights(opened.model, recipe.weights, recipe.allow_outside, recipe.container)
        if recipe.device:
            placing.move(opened.model, recipe.device)
        modes = {path: module.training for path, module in opened.model.named_modules()}
        opened.model.train(recipe.training)
        return cls(recipe, opened, load, modes)

    def table(self) -> ModelTable:
        if self._table is None:
            self._table = self._make_table()[0]
        return self._table

    @no_collection()
    def _make_table(self) -> tuple[ModelTable, list[CallRecord | None]]:
        if self._static is None:
            inventory = inventory_of(self.module)
            self._static = inventory, static_rows(inventory), tensors_of(inventory), totals_of(inventory)
        inventory = self._static[0]
        static, tensors, totals = self._shaped(*self._static[1:])
        rows, calls = rows_with_calls(static, self._trace.root)
        modules = {place.path: place.module for place in inventory.places}
        rows = with_own_formulas(rows, calls, modules)
        info = ModelInfo(
            name=self._opened.name,
            framework="torch",
            target=self.recipe.target,
            weights=self.recipe.weights,
            training=self.module.training,
            devices=_devices(tensors),
        )
        table = ModelTable(
            model=info,
            inputs=self._trace.inputs,
            outputs=self._trace.outputs,
            totals=totals if self._trace.failure is not None else totals.with_costs_of(rows[0]),
            rows=rows,
            tensors=tensors,
            failure=self._trace.failure,
            notes=[*self._standing_notes(inventory, tensors), *self._trace.notes],
            load=self._load,
        )
        return table, calls

    def _shaped(self, rows: list[Row], tensors: list[Tensor], totals: Totals) -> tuple[list[Row], list[Tensor], Totals]:
        """With the shapes that the last pass gave to lazy tensors in a copy, those marked."""
        made = self._trace.materialised
        if made is None:
            return rows, tensors, totals
        marked = [
            msgspec.structs.replace(row, lazy=own.lazy, type=own.type, training=own.training)
            for own, row in zip(rows, static_rows(made), strict=True)
        ]
        lazy = {tensor.key for tensor in tensors if tensor.lazy}
        shaped = [msgspec.structs.replace(tensor, lazy=tensor.key in lazy) for tensor in tensors_of(made)]
        return marked, shaped, totals_of(made)

    def _standing_notes(self, inventory: Inventory, tensors: list[Tensor]) -> list[Note]:
        notes = load_notes(self._load, self.recipe) if self._load else []
        if self._opened.left_out:
            notes.append(Note(code="not-downloaded", message=self._opened.left_out))
        if torchvision_operators.install().declared is not None:
            lacking = torchvision_operators.UNAVAILABLE
            text = f"torchvision's compiled operators do not load beside this torch; not available: {lacking}"
            text += f"; run in Python instead: {torchvision_operators.IN_PYTHON}"
            notes.append(Note(code="torchvision-operators", message=text))
        devices = _devices(tensors)
        if len(devices) > 1:
            notes.append(Note(code="several-devices", message=f"the model is spread over {', '.join(devices)}"))
        scripted = opaque_places(inventory)
        if scripted:
            listed = _first_of([path or "the model itself" for path in scripted])
            text = f"TorchScript calls its modules unseen: the rows inside have no shapes of their own: {listed}"
            notes.append(Note(code="torchscript", message=text, path=scripted[0]))
        lazy = [tensor.key for tensor in tensors if tensor.lazy]
        if lazy:
            text = f"{len(lazy)} tensors are uninitialised until a forward; shapes shown are those on this input: "
            text += _first_of(lazy)
            notes.append(Note(code="lazy", message=text))
        return notes

    # Passes

    def trace(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        given = inputs or self.recipe.inputs
        self._trace = trace(self.module, self.recipe.target, given, self._trace, self.recipe.seed, progress)
        self._table = None
        return self.table()

    def traced(self, inputs: list[InputSpec], progress: Progress) -> ModelTable:
        known = self._trace.root is not None and (not inputs or inputs == self._trace.specs)
        return self.table() if known else self.trace(inputs, progress)

    def forward(self, inputs: list[InputSpec], seed: int, backward: bool, progress: Progress) -> ForwardReport:
        specs = self._forward_specs(inputs, progress)
        arguments = arguments_for(self.module, specs, seed)
        self._materialise(arguments, seed)
        tensors = tensors_of(self.module)
        run = run_forward(self.module, arguments, seed, backward, tensors, progress, self._trace.calls)
        if inputs:
            shown = as_inputs(self.module, specs, "given")
            self._trace = replace(self._trace, inputs=shown, specs=specs)
        if run.recorder.root is not None:
            # Counting takes time of its own, so it was done when shapes were worked out.
            take_flops(self._trace.root, run.recorder.root)
        outputs = previews(run.output) if run.failure is None else []
        self._trace = replace(
            self._trace,
            root=run.recorder.root,
            failure=run.failure,
            calls=count_calls(run.recorder.root),
            outputs=[Output(name=output.name, shape=output.shape, dtype=output.dtype) for output in outputs],
        )
        table, calls = self._make_table()
        self._table = table
        return ForwardReport(
            table=table,
            runs=[run.row_run(call) for call in calls],
            outputs=outputs,
            gradients=run.gradients,
            first_nonfinite=_numbered(run, table.rows, calls),
            seconds=run.seconds,
            seed=seed,
        )

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
        return read_values(self._tensor(key), key, index, limit)

    def picture(self, wanted: PictureSettings) -> ValuePicture:
        return read_picture(self._tensor(wanted.key), wanted)

    def repair(self, settings: RepairSettings, progress: Progress) -> RepairReport:
        constructor = self._opened.constructor
        return repair(self.module, settings, progress, constructor, self.recipe.allow_outside)

    def optimised(self, progress: Progress) -> OptimisedRun:
        """Not of a PyTorch model: nothing rewrites it before it runs."""
        raise RequestError("--optimised is for ONNX models, which onnxruntime rewrites; leave it out")

    def subject(self, inputs: list[InputSpec], progress: Progress) -> Subject:
        file = user_path(parse_target(self.recipe.target).location)
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
            [str(file)] if file.is_file() else [],
            lambda: self.traced(inputs, progress).totals.flops,
        )

    def _specs_of_pass(self, inputs: list[InputSpec], progress: Progress) -> list[InputSpec]:
        self.traced(inputs, progress)
        return self._forward_specs(inputs, progress)

    def activations(self, inputs: list[InputSpec], progress: Progress) -> "Activations":
        from inspector.engine.pytorch.experiments.activations import activations

        return self.subject(inputs, progress).of(activations)

    def origins(self, inputs: list[InputSpec], progress: Progress) -> "Origins":
        from inspector.engine.pytorch.experiments.nonfinite import origins

        return self.subject(inputs, progress).of(origins)

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


def _first_of(names: list[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


def _devices(tensors: list[Tensor]) -> list[str]:
    return list(dict.fromkeys(tensor.device for tensor in tensors)) or ["cpu"]


def _numbered(run: Run, rows: list[Row], calls: list[CallRecord | None]) -> FirstNonfinite | None:
    """The first call with NaN or Inf in its output, as the table numbers it."""
    for row, call in zip(rows, calls, strict=True):
        if call is not None and call is run.first_nonfinite:
            return FirstNonfinite(path=row.path, call=row.call, source=row.source)
    return None

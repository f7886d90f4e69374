"""A PyTorch module as a `LiveModel`."""

from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec, Recipe, later_seed
from inspector.core.results import (
    CloneReport,
    Device,
    FirstNonfinite,
    ForwardReport,
    InitPreview,
    KeyExplanation,
    SaveReport,
    SourceReport,
    ValuesReport,
)
from inspector.core.solving_sizes import Trial
from inspector.core.table import Failure, Input, Load, ModelInfo, ModelTable, Note, Output, Row, Source, Tensor, Totals
from inspector.engine.devices import existing_devices
from inspector.engine.drawing_inputs import draw_inputs
from inspector.engine.live import LiveModel, Progress, Undo
from inspector.engine.pytorch import editing, placing, torchvision_operators
from inspector.engine.pytorch.assembling import bytes_made_by, flops_of, rows_with_calls
from inspector.engine.pytorch.attempts import Attempt, FailedPassError, worth_showing
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.comparing import compared
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.inferring_inputs import as_inputs, infer_inputs, open_axes, required_inputs
from inspector.engine.pytorch.layer_formulas import static_formula
from inspector.engine.pytorch.meta_calls import NeedsValuesError
from inspector.engine.pytorch.naming import explain_keys
from inspector.engine.pytorch.opening import Opened, open_module
from inspector.engine.pytorch.places import empty_names, holdings_of, places_of
from inspector.engine.pytorch.recording import CallRecord, Recorder, calls_of, take_flops
from inspector.engine.pytorch.running import Run, named_tensors, previews, run_forward
from inspector.engine.pytorch.saving import save_state_dict
from inspector.engine.pytorch.shape_pass import (
    has_lazy,
    is_cheap,
    materialise,
    materialised_copy,
    meta_pass,
    real_pass,
)
from inspector.engine.pytorch.signatures import no_forward, refuse_unknown_names
from inspector.engine.pytorch.size_mismatch import size_mismatch
from inspector.engine.pytorch.source_lines import function_source, script_source
from inspector.engine.pytorch.structure import device_of, opaque_places, static_rows, submodule, totals_of
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.weights import load_weights
from inspector.engine.values import read_values


class TorchModel(LiveModel):
    """A module that was opened from a recipe, or that was alive already."""

    def __init__(self, recipe: Recipe, opened: Opened, load: Load | None = None) -> None:
        self.recipe = recipe
        self._opened = opened
        self.module = opened.model
        self._load = load
        self._notes: list[Note] = []
        self._root: CallRecord | None = None
        self._inputs: list[Input] = []
        self._outputs: list[Output] = []
        self._specs: list[InputSpec] = []
        self._failure: Failure | None = None
        self._calls: int | None = None
        self._table: ModelTable | None = None
        self._materialised: nn.Module | None = None
        """While the model has lazy parameters: a copy in which the last pass gave them their shapes."""

    @classmethod
    def open(cls, recipe: Recipe) -> "TorchModel":
        """Open what `recipe` names: construct, load the weights, move, set the mode."""
        opened = open_module(recipe)
        load = load_weights(opened.model, recipe.weights) if recipe.weights else None
        if recipe.device:
            placing.move(opened.model, recipe.device)
        opened.model.train(recipe.training)
        return cls(recipe, opened, load)

    def table(self) -> ModelTable:
        if self._table is None:
            self._table = self._make_table()[0]
        return self._table

    def _make_table(self) -> tuple[ModelTable, list[CallRecord | None]]:
        static, tensors, totals = self._structure()
        modules = {place.path: place.module for place in places_of(self.module)}
        rows, calls = rows_with_calls([_with_formula(row, modules[row.path]) for row in static], self._root)
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
            inputs=self._inputs,
            outputs=self._outputs,
            totals=self._with_costs(totals),
            rows=rows,
            tensors=tensors,
            failure=self._failure,
            notes=[*self._standing_notes(tensors), *self._notes],
            load=self._load,
        )
        return table, calls

    def _with_costs(self, totals: Totals) -> Totals:
        if self._failure is not None:
            return totals
        made = bytes_made_by(self._root).get(id(self._root))
        flops = flops_of(self._root).get(id(self._root))
        # Every formula counts a multiply-add as two.
        macs = None if flops is None else flops // 2
        return msgspec.structs.replace(totals, flops=flops, macs=macs, activation_bytes=made)

    def _structure(self) -> tuple[list[Row], list[Tensor], Totals]:
        """Rows, tensors and totals; lazy ones marked, and with the shapes that the last pass gave them in a copy."""
        rows, tensors = static_rows(self.module), tensors_of(self.module)
        if self._materialised is None:
            return rows, tensors, totals_of(self.module)
        marked = [
            msgspec.structs.replace(row, lazy=own.lazy, type=own.type, training=own.training)
            for own, row in zip(rows, static_rows(self._materialised), strict=True)
        ]
        lazy = {tensor.key for tensor in tensors if tensor.lazy}
        shaped = [msgspec.structs.replace(tensor, lazy=tensor.key in lazy) for tensor in tensors_of(self._materialised)]
        return marked, shaped, totals_of(self._materialised)

    def _standing_notes(self, tensors: list[Tensor]) -> list[Note]:
        notes = []
        if torchvision_operators.install().declared is not None:
            lacking = torchvision_operators.UNAVAILABLE
            text = f"torchvision's compiled operators do not load beside this torch; not available: {lacking}"
            notes.append(Note(code="torchvision-operators", message=text))
        devices = _devices(tensors)
        if len(devices) > 1:
            notes.append(Note(code="several-devices", message=f"the model is spread over {', '.join(devices)}"))
        scripted = opaque_places(self.module)
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
        self._notes = []
        names = required_inputs(self.module)
        given = inputs or self.recipe.inputs
        nothing = no_forward(self.module)
        if nothing is not None:
            return self._untraced(Note(code="no-forward", message=nothing))
        if given:
            refuse_unknown_names(self.module, given)
            self._specs = given
            arguments = self._arguments(given, self.recipe.seed)
            tensors = [*arguments[0], *arguments[1].values()]
            self._inputs = as_inputs(given, tensors, names, "given", [])
        else:
            inferred = self._infer(names, progress)
            if inferred is None:
                return self._untraced(_no_input(names))
            arguments = inferred
        progress(0, None, "working out shapes")
        self._pass(arguments)
        if given and self._failure is not None:
            self._suggest_input(names, progress)
        self._table = None
        return self.table()

    def _untraced(self, why: Note) -> ModelTable:
        """The structure alone, and why there is no more."""
        self._root, self._outputs, self._failure = None, [], None
        self._notes.append(why)
        self._table = None
        return self.table()

    def _infer(self, names: list[str], progress: Progress) -> Arguments | None:
        attempts: list[Attempt] = []

        def attempt(specs: list[InputSpec]) -> Trial:
            progress(len(attempts) + 1, None, f"trying input {' '.join(map(str, specs))}")
            try:
                self._run_shapes(self._arguments(specs, self.recipe.seed), Recorder, [])
            except FailedPassError as failed:
                attempts.append(Attempt.of(specs, failed))
                spatial = len(open_axes(self.module, specs[0])) if specs else 0
                return Trial(works=False, mismatch=size_mismatch(failed.recorder, spatial))
            return Trial(works=True)

        def cheap(specs: list[InputSpec]) -> bool:
            return is_cheap(self.module, self._arguments(specs, self.recipe.seed))

        # One sample; two in train mode, where BatchNorm refuses a single one.
        batch = 2 if self.module.training else 1
        specs, alternatives, declared = infer_inputs(self.module, batch, attempt, cheap)
        if not specs and attempts:
            shown = worth_showing(attempts)
            if shown is None:
                return None
            specs, alternatives = shown.specs, []
            self._notes.append(_no_input(names))
        self._specs = specs
        arguments = self._arguments(specs, self.recipe.seed)
        origin = "declared" if declared else "inferred"
        tensors = [*arguments[0], *arguments[1].values()]
        self._inputs = as_inputs(specs, tensors, names, origin, alternatives)
        return arguments

    def _suggest_input(self, names: list[str], progress: Progress) -> None:
        """Beside a failure on a given input: one on which the model runs, if there is."""
        failure, specs, inputs, notes = self._failure, self._specs, self._inputs, list(self._notes)
        arguments = self._infer(names, progress)
        found, note = self._specs, len(self._notes) > len(notes)
        self._specs, self._inputs, self._notes = specs, inputs, notes
        if arguments is not None and found and not note and failure is not None:
            typed = " ".join(f"--input '{spec}'" for spec in found)
            suggestions = [*failure.suggestions, f"the model runs with {typed}"]
            self._failure = msgspec.structs.replace(failure, suggestions=suggestions)

    def _pass(self, arguments: Arguments) -> None:
        """The shape pass whose calls the table shows."""
        self._failure, self._outputs = None, []
        try:
            output, recorder = self._run_shapes(arguments, self._full_recorder, self._notes)
        except FailedPassError as failed:
            recorder = failed.recorder
            self._failure = describe_failure(failed.problem, self.module, recorder)
        else:
            self._outputs = [
                Output(name=name, shape=list(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))
                for name, tensor in named_tensors(output, "output")
            ]
        self._root = recorder.root
        self._calls = sum(1 for _ in calls_of(self._root)) or None

    @staticmethod
    def _full_recorder(module: nn.Module) -> Recorder:
        return Recorder(module, FieldTracker, formula_of, device=_device_of_inputs(module), costs=True)

    def _run_shapes(
        self, arguments: Arguments, record: Callable[[nn.Module], Recorder], notes: list[Note]
    ) -> tuple[Any, Recorder]:
        """On meta tensors; for real where that is cheaper, where values are needed, or where parameters have no shape.

        Raises FailedPassError where the model's forward fails.
        """
        module = self.module
        if has_lazy(module):
            # Looking gives the model no shapes: its copy has them, until a forward gives them to the model itself.
            module = self._materialised = materialised_copy(module, arguments, self.recipe.seed)
        if not is_cheap(module, arguments):
            recorder = record(module)
            try:
                return meta_pass(module, arguments, recorder, _device_of_inputs(module), self.recipe.seed), recorder
            except NeedsValuesError as problem:
                why = str(problem).splitlines()[0]
                notes.append(Note(code="real-pass", message=f"run for real, because the model needs values: {why}"))
            except NO_FAILURES:
                raise
            except BaseException as problem:
                raise FailedPassError(problem, recorder) from problem
        recorder = record(module)
        try:
            return real_pass(module, arguments, recorder, self.recipe.seed), recorder
        except NO_FAILURES:
            raise
        except BaseException as problem:
            raise FailedPassError(problem, recorder) from problem

    def forward(self, inputs: list[InputSpec], seed: int, backward: bool, progress: Progress) -> ForwardReport:
        specs = self._forward_specs(inputs, progress)
        arguments = self._arguments(specs, seed)
        if has_lazy(self.module):
            materialise(self.module, arguments, seed)
            self._materialised = None
        tensors = tensors_of(self.module)
        run = run_forward(self.module, arguments, seed, backward, tensors, progress, self._calls)
        names = required_inputs(self.module)
        values = [*arguments[0], *arguments[1].values()]
        if inputs:
            self._inputs = as_inputs(specs, values, names, "given", [])
            self._specs = specs
        if run.recorder.root is not None:
            # Counting takes time of its own, so it was done when shapes were worked out.
            take_flops(self._root, run.recorder.root)
        self._root, self._failure = run.recorder.root, run.failure
        self._calls = sum(1 for _ in calls_of(self._root)) or None
        outputs = previews(run.output) if run.failure is None else []
        self._outputs = [Output(name=output.name, shape=output.shape, dtype=output.dtype) for output in outputs]
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
        refuse_unknown_names(self.module, inputs or self.recipe.inputs)
        if inputs or self._specs or self.recipe.inputs:
            return inputs or self._specs or self.recipe.inputs
        names = required_inputs(self.module)
        if self._infer(names, progress) is None:
            raise RequestError(_no_input(names).message)
        return self._specs

    def compare_clone(self, inputs: list[InputSpec], seed: int, progress: Progress) -> CloneReport:
        specs = self._forward_specs(inputs, progress)
        arguments = self._arguments(specs, seed)
        clone = self._opened.build(later_seed(self.recipe.seed, 1))
        clone.load_state_dict(self.module.state_dict())
        placing.place_alike(self.module, clone)
        progress(0, 2, "the model")
        original = real_pass(self.module, arguments, Recorder(self.module), seed)
        progress(1, 2, "its clone")
        copied = real_pass(clone, arguments, Recorder(clone), seed)
        return compared(original, copied)

    def _arguments(self, specs: list[InputSpec], seed: int) -> Arguments:
        device = _device_of_inputs(self.module)
        tensors = [tensor.to(device) for tensor in draw_inputs(specs, seed)]
        named = {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True) if spec.name}
        return [tensor for spec, tensor in zip(specs, tensors, strict=True) if not spec.name], named

    # Looking

    def explain(self, keys: list[str]) -> list[KeyExplanation]:
        return explain_keys(self.module, keys)

    def values(self, key: str, index: str, limit: int) -> ValuesReport:
        return read_values(self._tensor(key), key, index, limit)

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

    def source(self, path: str, line: Source | None = None) -> SourceReport:
        module = submodule(self.module, path)
        if isinstance(module, torch.jit.ScriptModule):
            return script_source(path, module)
        return function_source(path, type(module).forward, line)

    def devices(self) -> list[Device]:
        return existing_devices()

    # Changing

    def preview(self, edit: Edit) -> InitPreview:
        table = self.table()
        return editing.preview(self.module, edit, table.tensors, table.rows)

    def apply(self, edit: Edit) -> tuple[list[str], str, Undo]:
        table = self.table()
        apply: dict[str, Callable[[], tuple[list[str], str, Undo]]] = {
            "initialise": lambda: editing.apply_initialise(self.module, edit, table.tensors, table.rows),
            "set_element": lambda: editing.apply_set_element(self.module, edit, table.tensors),
            "place": lambda: placing.apply_place(self.module, edit),
            "mode": lambda: placing.apply_mode(self.module, edit),
        }
        keys, message, undo = apply[edit.action]()
        self._table = None

        def undo_and_forget() -> None:
            undo()
            self._table = None

        return keys, message, undo_and_forget

    def save(self, path: str, overwrite: bool) -> SaveReport:
        return save_state_dict(self.module.state_dict(), path, overwrite)


def _with_formula(row: Row, module: nn.Module) -> Row:
    formula = static_formula(module)
    return row if formula is None else msgspec.structs.replace(row, formula=formula)


def _first_of(names: list[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


def _no_input(names: list[str]) -> Note:
    wanted = f" for {', '.join(names)}" if names else ""
    text = f"no input was found that the model runs on; give one{wanted} with --input, for example 1x3x224x224"
    return Note(code="no-input", message=text)


def _devices(tensors: list[Tensor]) -> list[str]:
    return list(dict.fromkeys(tensor.device for tensor in tensors)) or ["cpu"]


def _device_of_inputs(module: nn.Module) -> str:
    """Where inputs go: the device of the first tensor that the model holds."""
    return (device_of(module, recursive=True) or "cpu").split(",")[0]


def _numbered(run: Run, rows: list[Row], calls: list[CallRecord | None]) -> FirstNonfinite | None:
    """The first call with NaN or Inf in its output, as the table numbers it."""
    for row, call in zip(rows, calls, strict=True):
        if call is not None and call is run.first_nonfinite:
            return FirstNonfinite(path=row.path, call=row.call, source=row.source)
    return None

"""Works out shapes and receptive fields, on a given input or on one that is worked out too."""

from dataclasses import dataclass, field, replace

import msgspec
from torch import nn

from inspector.core.recipe import InputSpec
from inspector.core.solving_sizes import Trial
from inspector.core.table import Failure, Input, Note, Output
from inspector.engine.live import Progress
from inspector.engine.pytorch.attempts import Attempt, worth_showing
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.inferring_inputs import as_inputs, infer_inputs, open_axes, required_inputs
from inspector.engine.pytorch.passes import arguments_for, full_recorder, run_shapes, tensors_of_arguments
from inspector.engine.pytorch.recording import CallRecord, calls_of
from inspector.engine.pytorch.running import named_tensors
from inspector.engine.pytorch.shape_pass import is_cheap
from inspector.engine.pytorch.signatures import no_forward, refuse_unknown_names
from inspector.engine.pytorch.size_mismatch import size_mismatch


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What is known from the last pass; as it is made, what is known before any."""

    root: CallRecord | None = None
    calls: int | None = None
    """How many calls the pass made."""
    specs: list[InputSpec] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    failure: Failure | None = None
    notes: list[Note] = field(default_factory=list)
    materialised: nn.Module | None = None
    """While the model has lazy parameters: a copy in which the pass gave them their shapes."""


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """An input that was worked out."""

    specs: list[InputSpec]
    inputs: list[Input]
    arguments: Arguments
    notes: list[Note] = field(default_factory=list)


def trace(model: nn.Module, given: list[InputSpec], before: Trace, seed: int, progress: Progress) -> Trace:
    """The pass on the `given` inputs, or on some that are worked out; `before` is what was known until now."""
    nothing = no_forward(model)
    if nothing is not None:
        return _untraced(before, Note(code="no-forward", message=nothing))
    names = required_inputs(model)
    if given:
        refuse_unknown_names(model, given)
        arguments = arguments_for(model, given, seed)
        inputs = as_inputs(given, tensors_of_arguments(arguments), names, "given", [])
        found = Inferred(specs=given, inputs=inputs, arguments=arguments)
    else:
        inferred = infer(model, seed, progress)
        if inferred is None:
            return _untraced(before, no_input(model))
        found = inferred
    progress(0, None, "working out shapes")
    made = _pass(model, found, seed)
    if given and made.failure is not None:
        return _with_suggested_input(model, made, made.failure, seed, progress)
    return made


def _untraced(before: Trace, why: Note) -> Trace:
    """The structure alone, and why there is no more."""
    return replace(before, root=None, outputs=[], failure=None, notes=[why])


def no_input(model: nn.Module) -> Note:
    """Says that no input was found."""
    names = required_inputs(model)
    wanted = f" for {', '.join(names)}" if names else ""
    text = f"no input was found that the model runs on; give one{wanted} with --input, for example 1x3x224x224"
    return Note(code="no-input", message=text)


def infer(model: nn.Module, seed: int, progress: Progress) -> Inferred | None:
    """An input that the model runs on, else one whose failure is worth showing; None where there is neither."""
    attempts: list[Attempt] = []

    def attempt(specs: list[InputSpec]) -> Trial:
        progress(len(attempts) + 1, None, f"trying input {' '.join(map(str, specs))}")
        made = run_shapes(model, arguments_for(model, specs, seed), seed)
        if made.problem is None:
            return Trial(works=True)
        attempts.append(Attempt.of(specs, made.problem, made.recorder))
        spatial = len(open_axes(model, specs[0])) if specs else 0
        return Trial(works=False, mismatch=size_mismatch(made.recorder, spatial))

    def cheap(specs: list[InputSpec]) -> bool:
        return is_cheap(model, arguments_for(model, specs, seed))

    # One sample; two in train mode, where BatchNorm refuses a single one.
    batch = 2 if model.training else 1
    specs, alternatives, declared = infer_inputs(model, batch, attempt, cheap)
    notes = []
    if not specs and attempts:
        shown = worth_showing(attempts)
        if shown is None:
            return None
        specs, alternatives = shown.specs, []
        notes.append(no_input(model))
    arguments = arguments_for(model, specs, seed)
    origin = "declared" if declared else "inferred"
    inputs = as_inputs(specs, tensors_of_arguments(arguments), required_inputs(model), origin, alternatives)
    return Inferred(specs=specs, inputs=inputs, arguments=arguments, notes=notes)


def _pass(model: nn.Module, found: Inferred, seed: int) -> Trace:
    """The shape pass whose calls the table shows."""
    made = run_shapes(model, found.arguments, seed, full_recorder)
    failure, outputs = None, []
    if made.problem is not None:
        failure = describe_failure(made.problem, model, made.recorder)
    else:
        outputs = [
            Output(name=name, shape=list(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))
            for name, tensor in named_tensors(made.output, "output")
        ]
    return Trace(
        root=made.recorder.root,
        calls=count_calls(made.recorder.root),
        specs=found.specs,
        inputs=found.inputs,
        outputs=outputs,
        failure=failure,
        notes=[*found.notes, *made.notes],
        materialised=made.materialised,
    )


def count_calls(root: CallRecord | None) -> int | None:
    """How many calls a pass made; None for none."""
    return sum(1 for _ in calls_of(root)) or None


def _with_suggested_input(model: nn.Module, made: Trace, failure: Failure, seed: int, progress: Progress) -> Trace:
    """Beside a failure on a given input: one on which the model runs, if there is."""
    found = infer(model, seed, progress)
    if found is None or not found.specs or found.notes:
        return made
    typed = " ".join(f"--input '{spec}'" for spec in found.specs)
    suggestions = [*failure.suggestions, f"the model runs with {typed}"]
    return replace(made, failure=msgspec.structs.replace(failure, suggestions=suggestions))

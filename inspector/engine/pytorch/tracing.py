"""Works out shapes and receptive fields, on a given input or on one that is worked out too."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Input, Note, Output
from inspector.core.wording import things
from inspector.engine.live import Progress
from inspector.engine.pytorch.attempts import worth_showing
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord, calls_of
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.inputs import inferring
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.showing import as_inputs, is_complete, still_known
from inspector.engine.pytorch.inputs.trying import Outcome
from inspector.engine.pytorch.inputs.unsolvable import unsolvable
from inspector.engine.pytorch.nested import named_tensors
from inspector.engine.pytorch.passes import Pass, full_recorder, run_shapes
from inspector.engine.pytorch.signatures import no_forward, refuse_wrong_names
from inspector.engine.pytorch.untouched import values_untouched_throughout


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
    """An input that is given or was worked out."""

    specs: list[InputSpec]
    inputs: list[Input]
    arguments: Arguments
    notes: list[Note] = field(default_factory=list)
    made: Pass | None = None
    """The pass on it, if there was one that recorded all that the table shows."""


def trace(model: nn.Module, target: str, given: list[InputSpec], before: Trace, seed: int, progress: Progress) -> Trace:
    """The pass on the `given` inputs, those that are missing worked out; `before` is what was known until now."""
    nothing = no_forward(model)
    if nothing is not None:
        return _untraced(before, Note(code="no-forward", message=nothing))
    refuse_wrong_names(model, given)
    if given and is_complete(model, given):
        arguments = arguments_for(model, given, seed)
        inputs = still_known(before.inputs, as_inputs(model, given, "given"))
        found = Inferred(specs=given, inputs=inputs, arguments=arguments)
    else:
        inferred = infer(model, target, given, seed, progress)
        if isinstance(inferred, Note):
            return _untraced(before, inferred)
        found = inferred
    progress(0, None, "working out shapes")
    made = _pass(model, found, seed)
    if given and made.failure is not None:
        return _with_suggested_input(model, target, made, made.failure, seed, progress)
    return made


def _untraced(before: Trace, why: Note) -> Trace:
    """The structure alone, and why there is no more."""
    return replace(before, root=None, outputs=[], failure=None, notes=[why])


def _no_input(model: nn.Module, tried: list[Outcome]) -> Note:
    """Says that no input was found, what was tried, and where that which came furthest failed."""
    names = [each.name for each in required_parameters(model)]
    wanted = f" for {', '.join(names)}" if names else ""
    text = (
        f"no input was found that the model runs on; give one{wanted} with --input, for example {example_input(model)}"
    )
    failed = [outcome for outcome in tried if not outcome.works]
    if failed:
        furthest = max(failed, key=lambda outcome: outcome.progress)
        place = f" at {Path(furthest.site).name}" if furthest.site else ""
        text += f"; {things(len(failed), 'input')} tried, {' '.join(map(str, furthest.guess)) or 'none'} came furthest"
        text += f" and failed{place}: {furthest.kind.__name__ if furthest.kind else ''}: {furthest.said}"
        why = unsolvable(failed)
        text += f"; {why}" if why else ""
    return Note(code="no-input", message=text)


def example_input(model: nn.Module) -> str:
    """An input to write as an example: for what the model's first layer takes, as far as it is one of torch's."""
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            return f"1x16:int64~range(0,{module.num_embeddings})"
        if isinstance(module, nn.modules.conv._ConvNd) and not isinstance(module, LazyModuleMixin):
            sides = {1: "1000", 2: "224x224", 3: "16x112x112"}[len(module.kernel_size)]
            return f"1x{module.in_channels}x{sides}"
        if isinstance(module, nn.RNNBase):
            return f"1x16x{module.input_size}"
        if isinstance(module, nn.Linear) and not isinstance(module, LazyModuleMixin):
            return f"1x{module.in_features}"
    return "1x3x224x224"


def infer(model: nn.Module, target: str, given: list[InputSpec], seed: int, progress: Progress) -> Inferred | Note:
    """An input that the model runs on, else one whose failure is worth showing, else the note that there is neither."""
    with values_untouched_throughout(model):
        found = inferring.infer(model, target, given, seed, progress)
    notes, guess = [], found.guess
    if guess is None:
        failed = [outcome for outcome in found.tried if not outcome.works]
        shown = worth_showing(failed)
        if shown is None and given and failed:
            # What was given is part of every attempt.
            shown = max(failed, key=lambda outcome: outcome.progress)
        if shown is None:
            return _no_input(model, found.tried)
        guess = shown.guess
        notes.append(_no_input(model, found.tried))
    elif found.other_batch:
        notes.append(Note(code="batch-size", message=found.other_batch))
    specs = inferring.as_typed(model, guess)
    arguments = arguments_for(model, specs, seed)
    where = found.example.where if found.example else ""
    inputs = as_inputs(model, specs, "declared" if where else "inferred", found.solutions, where, given)
    return Inferred(specs=specs, inputs=inputs, arguments=arguments, notes=notes, made=found.made)


def _pass(model: nn.Module, found: Inferred, seed: int) -> Trace:
    """The shape pass whose calls the table shows."""
    made = found.made or run_shapes(model, found.arguments, seed, full_recorder, confirm=True)
    failure, outputs = None, []
    if made.problem is not None:
        failure = describe_failure(made.problem, model, made.recorder, found.specs)
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


def _with_suggested_input(
    model: nn.Module, target: str, made: Trace, failure: Failure, seed: int, progress: Progress
) -> Trace:
    """Beside a failure on a given input: one on which the model runs, if there is."""
    found = infer(model, target, [], seed, progress)
    if isinstance(found, Note) or not found.specs or any(note.code == "no-input" for note in found.notes):
        return made
    typed = " ".join(f"--input '{spec}'" for spec in found.specs)
    suggestions = [*failure.suggestions, f"the model runs with {typed}"]
    return replace(made, failure=msgspec.structs.replace(failure, suggestions=suggestions))

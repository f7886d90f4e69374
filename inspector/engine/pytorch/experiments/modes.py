"""What depends on train and eval mode: flags that differ at rest, forwards that change them, chance left in eval."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import later_seed
from inspector.core.table import Source
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.experiments.flow import arguments_for_flow
from inspector.engine.pytorch.experiments.mixing import differing
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.recording import Recorder

_MODAL = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd, nn.RNNBase, nn.MultiheadAttention)
"""torch's own layers that do something else in eval mode."""


@dataclass(frozen=True)
class ModesAtRest:
    """The modes in which the user's code leaves the modules that heed them."""

    training: list[str]
    evaluating: list[str]
    root_trains: bool


@dataclass(frozen=True)
class ChanceCall:
    """The first call whose result is another one on the same input."""

    path: str
    name: str
    type: str
    source: Source | None
    is_users: bool


@dataclass(frozen=True)
class EvalPasses:
    """Two passes in eval mode on the same inputs, with other random numbers."""

    differs: bool
    largest: float
    """The largest difference, as a share of the largest value."""
    first: ChanceCall | None
    set_training: list[str]
    """The modules that the pass left in train mode."""


@dataclass(frozen=True)
class TrainPass:
    """A pass in train mode."""

    failure: str
    """What it raised, as one line; "" where it went through."""
    failed: str
    """The canonical name of the function that failed."""
    given: list[int]
    """The shape of its first operand."""
    path: str
    source: Source | None
    set_evaluating: list[str]
    """The modules that it left in eval mode."""


@dataclass(frozen=True)
class FrozenStatistics:
    """Normalisations whose parameters are frozen while their running statistics follow the data."""

    paths: list[str]
    trainable: int
    """Parameters of the model that are not frozen."""


@dataclass(frozen=True)
class UntrainedStatistics:
    """Normalisations that keep the running statistics they were made with."""

    paths: list[str]
    total: int


def modes_at_rest(subject: Subject) -> ModesAtRest:
    """By the flags before the model was given a mode as a whole."""
    modules = dict(subject.module.named_modules())
    heeding = {path: mode for path, mode in subject.modes.items() if isinstance(modules.get(path), _MODAL)}
    return ModesAtRest(
        [path for path, mode in heeding.items() if mode],
        [path for path, mode in heeding.items() if not mode],
        subject.modes.get("", True),
    )


def frozen_statistics(subject: Subject) -> FrozenStatistics:
    """Of torch's own batch normalisations, in the mode that train() leaves them in."""
    with subject.in_mode(training=True):
        paths = [
            path
            for path, module in subject.module.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.training
            and module.track_running_stats
            and module.weight is not None
            and not module.weight.requires_grad
        ]
    trainable = sum(parameter.numel() for parameter in subject.module.parameters() if parameter.requires_grad)
    return FrozenStatistics(paths, trainable)


def untrained_statistics(subject: Subject) -> UntrainedStatistics:
    """Running means of 0 and variances of 1 throughout, with no batch counted."""
    norms = {
        path: module
        for path, module in subject.module.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_var is not None
    }
    untouched = []
    for path, module in norms.items():
        mean, variance, count = module.running_mean, module.running_var, module.num_batches_tracked
        if mean is None or variance is None or mean.is_meta:
            continue
        as_made = not bool(mean.any()) and bool((variance == 1).all())
        if as_made and (count is None or int(count) == 0):
            untouched.append(path)
    return UntrainedStatistics(untouched, len(norms))


def eval_passes(subject: Subject) -> EvalPasses:
    """Raises RequestError where the forward fails."""
    arguments, _ = arguments_for_flow(subject)
    other = replace(subject, seed=later_seed(subject.seed, 1))
    training: list[str] = []

    def outputs(output: Any) -> list[torch.Tensor]:
        training[:] = [path for path, module in subject.module.named_modules() if module.training]
        return [tensor.detach().clone() for tensor in tensors_in(output)]

    try:
        first = subject.run(arguments, then=outputs)
        second = other.run(arguments, then=outputs)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward pass fails: {first_line(problem)}") from problem
    largest = 0.0
    differs = len(first) != len(second)
    for one, two in zip(first, second, strict=False):
        if one.shape != two.shape or bool(differing(one, two).any()):
            differs = True
            if one.shape == two.shape and one.is_floating_point():
                largest = max(largest, float((one - two).abs().max() / one.abs().max().clamp_min(1e-30)))
    call = _first_of_chance(subject, other, arguments) if differs else None
    return EvalPasses(differs, largest, call, training)


def train_pass(subject: Subject) -> TrainPass:
    """With several samples, where the model takes them."""
    arguments, _ = arguments_for_flow(subject)
    evaluating: list[str] = []
    recorder = Recorder(subject.module)
    with subject.in_mode(training=True):
        # A train() of the user's own may keep a part in eval mode.
        before = {path for path, module in subject.module.named_modules() if module.training}

    def look(output: Any) -> None:
        after = {path for path, module in subject.module.named_modules() if module.training}
        evaluating[:] = sorted(before - after)

    try:
        subject.run(arguments, training=True, recorder=recorder, then=look)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        call, at = recorder.failed_call, recorder.failed
        given = next(tensors_in((call.args, call.kwargs)), None) if call is not None else None
        return TrainPass(
            first_line(problem) or type(problem).__name__,
            canonical_name(call.func) if call is not None else "",
            list(given.shape) if given is not None else [],
            at.place if at is not None else "",
            at.source if at is not None else None,
            [],
        )
    return TrainPass("", "", [], "", None, evaluating)


def _first_of_chance(subject: Subject, other: Subject, arguments: Any) -> ChanceCall | None:
    kept: list[tuple[CallRecord, list[torch.Tensor]]] = []
    found: list[CallRecord] = []
    functions: dict[int, str] = {}
    at = 0

    def keep(record: CallRecord, output: Any) -> None:
        kept.append((record, [tensor.detach().clone() for tensor in tensors_in(output)]))

    def compare(record: CallRecord, output: Any) -> None:
        nonlocal at
        if not found and at < len(kept):
            known, before = kept[at]
            after = list(tensors_in(output))
            same = known.type == record.type and [one.shape for one in before] == [one.shape for one in after]
            if not same or any(bool(differing(one, two).any()) for one, two in zip(before, after, strict=True)):
                found.append(record)
        at += 1

    first, second = Recorder(subject.module, measure=keep), Recorder(subject.module, measure=compare)

    def run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if second.running is not None:
            functions.setdefault(id(second.running), canonical_name(func))
        return func(*args, **kwargs)

    second.run = run
    subject.run(arguments, recorder=first)
    other.run(arguments, recorder=second)
    if not found:
        return None
    record = found[0]
    name = functions.get(id(record), "")
    return ChanceCall(record.place, name, record.type, record.source, record.is_function)

"""Which parameters a gradient of the output reaches, in train and eval mode, and what keeps it from the others."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import calls_of
from inspector.engine.pytorch.experiments.batches import with_samples
from inspector.engine.pytorch.experiments.call_places import CallPlace
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.experiments.value_flow import (
    Cut,
    Origins,
    ValueFlow,
    leaves_of,
    registered_parameters,
)
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.places import places_of
from inspector.engine.pytorch.recording import Recorder

LARGEST = 400_000_000
"""Parameters beyond which gradients would take too much memory and time."""
SAMPLES = 2
"""In train mode, where BatchNorm cannot do with one."""
MORE_PASSES = 3
"""In train mode on other inputs, where something was not reached in the first two."""
PATIENCE = 4.0
"""Seconds that the first two passes may take if there are to be more."""
DERIVATIVE_IS_ZERO = {"round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "heaviside", "floor_divide", "//"}
"""Functions that autograd differentiates, to zero wherever they can be differentiated at all."""


@dataclass(frozen=True)
class Stranger:
    """A tensor that gradients reach although no module registers it."""

    identity: int
    """Of the object, while the pass lasted."""
    is_parameter: bool
    shape: tuple[int, ...]
    path: str
    """Of the module that used it first."""
    source: Source | None


@dataclass(frozen=True)
class FlowPass:
    """What one pass, with its backward, showed; parameters by their keys."""

    training: bool
    seed: int
    called: tuple[str, ...]
    """Paths of modules, each once, in the order of their first calls."""
    used: frozenset[str]
    """Parameters that values of the output come from."""
    reached: frozenset[str]
    """Those that a gradient of the output gets to."""
    zero: frozenset[str]
    """Of those reached, those whose gradient is zero in every element."""
    cuts: dict[str, tuple[Cut, ...]]
    """What stands between the output and a parameter that is not reached, or whose gradient is zero."""
    strangers: tuple[Stranger, ...]
    operands: frozenset[int]
    """Identities of the tensors without history that were used."""
    differentiable: bool
    """Whether any output has a gradient."""
    backward_problem: str
    """What the backward raised; "" where it ran."""


@dataclass(frozen=True)
class GradientFlow:
    """All passes that ran, and what those raised that did not."""

    passes: tuple[FlowPass, ...]
    problems: tuple[tuple[bool, str], ...]
    """Whether in train mode, and what was raised."""
    trainable: tuple[str, ...]
    """Keys of the parameters that require gradients, each once."""
    elements: dict[str, int]

    @property
    def reached(self) -> frozenset[str]:
        """Parameters that a gradient gets to in some pass."""
        return frozenset().union(*(one.reached for one in self.passes))

    @property
    def used(self) -> frozenset[str]:
        """Parameters that values of an output come from in some pass."""
        return frozenset().union(*(one.used for one in self.passes))

    @property
    def called(self) -> frozenset[str]:
        """Paths of the modules called in some pass."""
        return frozenset().union(*(one.called for one in self.passes))

    @property
    def zero(self) -> frozenset[str]:
        """Parameters that are reached, and whose gradient is zero in every pass that reaches them."""
        moved = frozenset().union(*(one.reached - one.zero for one in self.passes))
        return frozenset().union(*(one.zero for one in self.passes)) - moved

    def cuts_of(self, key: str) -> tuple[Cut, ...]:
        """What cuts a parameter off, by the first pass that shows it."""
        return next((one.cuts[key] for one in self.passes if one.cuts.get(key)), ())


def gradient_flow(subject: Subject) -> GradientFlow:
    """Passes in eval and in train mode, more of them where something was not reached.

    Raises RequestError where there is no pass that runs, or the model is too large.
    """
    trainable = {
        key: tensor for key, tensor in registered_parameters(places_of(subject.module)).items() if tensor.requires_grad
    }
    size = sum(tensor.numel() for tensor in trainable.values())
    if size > LARGEST:
        raise RequestError(f"{size:,} parameters are more than gradients are worked out for here ({LARGEST:,})")
    passes: list[FlowPass] = []
    problems: list[tuple[bool, str]] = []
    began = time.perf_counter()
    for number, (training, seed) in enumerate(_plan(subject.seed)):
        if number == 2 and (
            set(trainable) <= frozenset().union(*(one.reached - one.zero for one in passes))
            or time.perf_counter() - began > PATIENCE
        ):
            break
        subject.progress(number, None, f"gradients in {'train' if training else 'eval'} mode")
        try:
            passes.append(_pass(subject, training, seed))
        except (*NO_FAILURES, RequestError):
            raise
        except BaseException as problem:
            problems.append((training, f"{type(problem).__name__}: {first_line(problem)}"))
    if not passes:
        raise RequestError(f"no pass with gradients runs, which NN001 tells more of: {problems[0][1]}")
    elements = {key: tensor.numel() for key, tensor in trainable.items()}
    return GradientFlow(tuple(passes), tuple(problems), tuple(trainable), elements)


def arguments_for_mode(subject: Subject, training: bool, seed: int) -> Iterator[Arguments]:
    """What the model is known to run on; before it for train mode the same with some samples, where it has fewer.

    The first axis is taken for that of the samples where all inputs share it.
    """
    if not training:
        yield subject.arguments(seed)
        return
    specs = subject.specs
    sizes = {spec.shape[0] if spec.shape else 0 for spec in specs if spec.shape is not None}
    if len(sizes) == 1 and 0 < next(iter(sizes)) < SAMPLES:
        yield subject.arguments(seed, with_samples(specs, SAMPLES))
    yield subject.arguments(seed)


def _plan(seed: int) -> Iterator[tuple[bool, int]]:
    yield False, seed
    yield True, seed
    for number in range(1, MORE_PASSES + 1):
        yield True, seed + number


def _pass(subject: Subject, training: bool, seed: int) -> FlowPass:
    for arguments in arguments_for_mode(subject, training, seed):
        try:
            return _pass_on(subject, arguments, training, seed)
        except Exception as problem:
            failed = problem
    raise failed


def _pass_on(subject: Subject, arguments: Arguments, training: bool, seed: int) -> FlowPass:
    recorder = Recorder(subject.module)
    flow = ValueFlow(subject.module, recorder)
    given = {id(tensor) for tensor in tensors_in(arguments)}

    def look(output: Any) -> FlowPass:
        output = _tensors_of(output)
        parameters = registered_parameters(places_of(subject.module))
        keys = {id(tensor): key for key, tensor in parameters.items()}
        leaves = leaves_of(output)
        reached = frozenset(keys[one] for one in leaves if one in keys)
        zero, problem = _backward(flow, output, {key: parameters[key] for key in reached}, seed)
        origins = flow.origins_of(output)
        return FlowPass(
            training=training,
            seed=seed,
            called=tuple(dict.fromkeys(call.path for call in calls_of(recorder.root) if not call.is_function)),
            used=flow.named(origins.parameters),
            reached=reached,
            zero=frozenset(zero),
            cuts=_cuts(flow, origins, reached) | zero,
            strangers=tuple(
                _stranger(flow, tensor) for one, tensor in leaves.items() if one not in keys and one not in given
            ),
            operands=frozenset(flow.used),
            differentiable=any(tensor.requires_grad for tensor in tensors_in(output)),
            backward_problem=problem,
        )

    found: FlowPass = subject.run(arguments, training=training, grad=True, recorder=recorder, then=look)
    return found


def _tensors_of(output: Any) -> list[torch.Tensor]:
    """The tensors of an output, also those that an object such as a distribution keeps.

    Raises RequestError where there are none.
    """
    found = list(tensors_in(output)) or list(tensors_in(getattr(output, "__dict__", {})))
    if not found:
        raise RequestError(f"the output, a {type(output).__name__}, holds no tensors that are known here")
    return found


def _cuts(flow: ValueFlow, output: Origins, reached: frozenset[str]) -> dict[str, tuple[Cut, ...]]:
    """By parameter that is used and not reached, the cuts on its ways to the output, or else on any."""
    left = Origins()
    for _, origins in flow.left:
        left |= origins
    found = {}
    for key in flow.named(output.parameters | left.parameters) - reached:
        of_key = flow.cuts_behind(key)
        found[key] = tuple(flow.cuts_in(of_key & output.cuts) or flow.cuts_in(of_key & left.cuts))
    return found


def _backward(
    flow: ValueFlow, output: Any, reached: dict[str, torch.Tensor], seed: int
) -> tuple[dict[str, tuple[Cut, ...]], str]:
    """The parameters whose gradient is zero, each with where it became so; and what the backward raised, or ""."""
    objective = objective_of(output, seed)
    reached = {key: tensor for key, tensor in reached.items() if tensor.requires_grad}
    if objective is None or not reached:
        return {}, ""
    try:
        gradients = torch.autograd.grad(objective, list(reached.values()), retain_graph=True, allow_unused=True)
    except RuntimeError as problem:
        return {}, first_line(problem).partition(" Hint:")[0]
    zero = [key for key, gradient in zip(reached, gradients, strict=True) if _is_zero(gradient)]
    if not zero:
        return {}, ""
    through = {id(one): one for call in flow.calls for one in (*call.results, *call.operands) if one.requires_grad}
    inner = torch.autograd.grad(objective, list(through.values()), allow_unused=True)
    moved = {id(tensor) for tensor, gradient in zip(through.values(), inner, strict=True) if not _is_zero(gradient)}
    return {key: _where_zero(flow, key, moved) for key in zero}, ""


def _where_zero(flow: ValueFlow, key: str, moved: set[int]) -> tuple[Cut, ...]:
    """The last call that is given a gradient and hands none on to what comes from a parameter."""
    for call in reversed(flow.calls):
        behind = [one for one in call.operands if key in flow.named(flow.origins_of(one).parameters)]
        if behind and any(id(one) in moved for one in call.results) and not any(id(one) in moved for one in behind):
            return (call.cut,)
    return ()


def _is_zero(gradient: torch.Tensor | None) -> bool:
    if gradient is None:
        return True
    gradient = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool(gradient.numel()) and not bool(gradient.any())


def _stranger(flow: ValueFlow, tensor: torch.Tensor) -> Stranger:
    _, place = flow.used.get(id(tensor), (tensor, CallPlace("", "", None)))
    return Stranger(id(tensor), isinstance(tensor, nn.Parameter), tuple(tensor.shape), place.path, place.source)

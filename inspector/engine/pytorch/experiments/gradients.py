"""How large the gradients of the weights are, in the order in which a pass uses them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.table import Source
from inspector.engine.nonfinite import state_of
from inspector.engine.pytorch.experiments.batches import passed, samples_in, unmeasured, with_samples
from inspector.engine.pytorch.experiments.operations import Operation, Watch
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.recording import Recorder

SAMPLES = 4


@dataclass(frozen=True)
class WeightGradient:
    """The gradient of one weight that is multiplied with, of a random projection of the outputs."""

    key: str
    path: str
    """Of the module that used it first."""
    source: Source | None
    norm: float
    ratio: float
    """rms(gradient)/rms(weight)."""


@dataclass(frozen=True)
class Gradients:
    """Of the weights with more than one axis that got one, in the order of their first use."""

    weights: list[WeightGradient]
    zero_weights: list[str]
    """Weights that are 0 throughout, behind which gradients are 0 until they are not."""
    samples: int


def gradients(subject: Subject) -> Gradients:
    """A forward and a backward pass over a few samples in eval mode.

    Raises RequestError where the module fails, or no output depends on a parameter in a differentiable way.
    """
    specs = subject.specs
    size = samples_in(specs)
    several = specs if size is None else with_samples(specs, max(SAMPLES, size))
    try:
        return _taken(subject, several, max(SAMPLES, size or 1))
    except RequestError:
        return _taken(subject, specs, size or 1)


def _taken(subject: Subject, specs: Any, samples: int) -> Gradients:
    arguments = subject.arguments(specs=specs)
    order: dict[int, Operation] = {}
    names = {id(parameter): key for key, parameter in subject.module.named_parameters()}

    def see(operation: Operation, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        if operation.inputs and operation.multiplies:
            for weight in operation.weights:
                for leaf in _leaves(weight):
                    if id(leaf) in names:
                        order.setdefault(id(leaf), operation)

    def then(output: Any) -> Gradients:
        objective = objective_of(output, subject.seed)
        if objective is None:
            raise RequestError("no output depends on a parameter in a differentiable way")
        parameters = {id(parameter): parameter for parameter in subject.module.parameters()}
        for parameter in parameters.values():
            parameter.grad = None
        objective.backward()
        told = []
        for leaf, operation in order.items():
            parameter = parameters[leaf]
            if parameter.dim() > 1 and parameter.grad is not None and state_of(parameter.grad).finite:
                norm = float(parameter.grad.double().norm())
                size = float(parameter.detach().double().norm())
                ratio = norm / size if size else float("inf")
                told.append(WeightGradient(names[leaf], operation.path, operation.source, norm, ratio))
        zero = [names[leaf] for leaf in order if parameters[leaf].dim() > 1 and not bool(parameters[leaf].any())]
        return Gradients(told, zero, samples)

    recorder = Recorder(subject.module)
    Watch(recorder, arguments, see)
    training = _normalising(subject.module) if samples > 1 else False
    return passed(lambda: subject.run(arguments, training=training, grad=True, recorder=recorder, then=then))  # type: ignore[no-any-return]  # what `then` gives


def _normalising(module: nn.Module) -> Any:
    return unmeasured if any(map(unmeasured, module.modules())) else False


def _leaves(weight: torch.Tensor) -> list[torch.Tensor]:
    """The parameters that a weight is, or is made of: that of a weight norm, a transpose, a mask."""
    if weight.grad_fn is None:
        return [weight]
    found, waiting, met = list[torch.Tensor](), [weight.grad_fn], set[Any]()
    while waiting and len(met) < 100:
        node = waiting.pop()
        if node in met:
            continue
        met.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        waiting += [before for before, _ in node.next_functions if before is not None]
    return found

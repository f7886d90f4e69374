"""Which samples, and which steps, of an input each sample or step of an output depends on."""

from typing import Any, Literal

import torch

from inspector.core.recipe import InputSpec, later_seed
from inspector.core.self_tests import Dependency
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.batches import passed, samples_in, with_samples
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.inputs.arguments import named_arguments_for
from inspector.engine.pytorch.nested import named_tensors, tensors_in, with_tensors

SAMPLES, MOST_STEPS = 3, 12


def dependencies(subject: Subject) -> list[Dependency]:
    """By gradients of each place of an output; for inputs without gradients by drawing one place of them anew.

    In eval mode. Along the first axis, and along the second where input and output have the same number of steps.
    Raises RequestError where the module fails.
    """
    specs = subject.specs
    several = specs if samples_in(specs) is None else with_samples(specs, SAMPLES)
    arguments, names = named_arguments_for(subject.module, several, subject.seed)
    outputs = passed(lambda: subject.run(arguments, then=lambda output: named_tensors(output, "output")))
    found: list[Dependency] = []
    for put, output in [one for one in outputs if one[1].is_floating_point()][:1]:
        for place, tensor in enumerate(tensors_in(arguments)):
            for axis in range(min(2, tensor.dim(), output.dim())):
                # Behind the first, an axis of numbers is one of steps only where features lie behind it.
                steps = axis == 0 or tensor.dim() > 2 or not tensor.is_floating_point()
                if not steps or not tensor.shape[axis] == output.shape[axis] > 1:
                    continue
                size = tensor.shape[axis] if axis == 0 else min(MOST_STEPS, tensor.shape[axis])
                if tensor.is_floating_point():
                    matrix = _by_gradients(subject, arguments, tensor, put, axis, size)
                else:
                    matrix = _by_drawing(subject, several, arguments, place, put, axis, size)
                kind: Literal["batch", "time"] = "time" if axis else "batch"
                found.append(Dependency(axis=kind, input=names[place] or "input", output=put, matrix=matrix))
    return found


def _by_gradients(
    subject: Subject, arguments: Arguments, tensor: torch.Tensor, put: str, axis: int, size: int
) -> list[list[bool]]:
    leaf = tensor.detach().clone().requires_grad_()
    # Not the leaf itself: what changes its input in place may not change a leaf.
    given = _with(arguments, tensor, leaf.clone())
    others = [at for at in range(tensor.dim()) if at != axis]

    def then(output: Any) -> list[list[bool]]:
        made = dict(named_tensors(output, "output"))[put]
        weights = torch.randn(made.shape, generator=torch.Generator().manual_seed(subject.seed)).to(made)
        rows = []
        for at in range(size):
            part = (made.select(axis, at) * weights.select(axis, at)).sum()
            if not part.requires_grad:
                rows.append([False] * size)
                continue
            (gradient,) = torch.autograd.grad(part, leaf, retain_graph=True, allow_unused=True)
            seen = (
                torch.zeros(tensor.shape[axis])
                if gradient is None
                else gradient.abs().amax(others)
                if others
                else gradient.abs()
            )
            rows.append([bool(one != 0) for one in seen[:size]])
        return rows

    return passed(lambda: subject.run(given, grad=True, then=then))


def _by_drawing(
    subject: Subject, specs: list[InputSpec], arguments: Arguments, place: int, put: str, axis: int, size: int
) -> list[list[bool]]:
    another = list(tensors_in(named_arguments_for(subject.module, specs, later_seed(subject.seed, 1))[0]))[place]
    tensor = list(tensors_in(arguments))[place]

    def output_of(given: Arguments) -> torch.Tensor:
        found: torch.Tensor = passed(
            lambda: subject.run(given, then=lambda output: dict(named_tensors(output, "output"))[put].detach().clone())
        )
        return found

    before = output_of(arguments)
    columns = []
    for at in range(size):
        changed = tensor.clone()
        changed.select(axis, at).copy_(another.select(axis, at))
        after = output_of(_with(arguments, tensor, changed))
        apart = (after - before).abs()
        limit = 1e-5 * float(before.abs().max())
        columns.append([bool(apart.select(axis, out).max() > limit) for out in range(size)])
    return [[columns[into][out] for into in range(size)] for out in range(size)]


def _with(arguments: Arguments, tensor: torch.Tensor, other: torch.Tensor) -> Arguments:
    """The arguments with another tensor in the place of one."""
    changed: Arguments = with_tensors(arguments, lambda one: other if one is tensor else one)
    return changed

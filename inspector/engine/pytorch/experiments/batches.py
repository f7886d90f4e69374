"""The inputs of a model with more samples, or drawn several times where their first axis is not that of samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec, later_seed
from inspector.core.wording import things
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import tensors_in, with_tensors

T = TypeVar("T")
MOST, FEWEST = 64, 4
ELEMENTS, OPERATIONS = 1 << 21, 1 << 34
"""Of all samples together, in the inputs and floating-point ones in a pass: by these, not by a clock, samples are

counted, so that a loaded machine finds what an idle one does.
"""


@dataclass(frozen=True)
class Samples:
    """Arguments for one or several passes, which together make so many samples."""

    passes: list[Arguments]
    each: int
    """Samples in a pass."""
    drawn: str
    """What they are, in words."""
    training: Callable[[nn.Module], bool]
    """Which modules are in train mode: normalisations whose statistics nobody ever measured."""

    @property
    def count(self) -> int:
        """How many samples there are."""
        return self.each * len(self.passes)


def many_samples(subject: Subject) -> Samples:
    """As many samples as can be afforded, at most 64.

    Raises RequestError where the model fails, or where its inputs are not random.
    """
    specs = subject.specs
    arguments = subject.arguments()
    if not _are_random(subject, arguments):
        raise RequestError("the inputs are given or constant, so there is one sample only; leave --input out")
    training = unmeasured if any(map(unmeasured, subject.module.modules())) else _nothing
    try:
        subject.run(arguments, training=training)
    except NO_FAILURES:
        raise
    except Exception:
        # One value per channel is none to normalise by.
        training = _nothing
        passed(lambda: subject.run(arguments))
    size = samples_in(specs)
    affordable = _affordable(subject, arguments)
    if size is not None:
        count = max(FEWEST, min(MOST, affordable * size))
        larger = unlike(subject.arguments(specs=with_samples(specs, count)), subject.seed)
        if _takes(subject, larger, count, training):
            return Samples([larger], count, f"a batch of {count} random samples", training)
    count = max(2 * FEWEST, min(4 * FEWEST, affordable))
    seeds = [later_seed(subject.seed, number) for number in range(count)]
    drawn = [unlike(subject.arguments(seed), seed) for seed in seeds]
    return Samples(drawn, 1, f"{things(count, 'random input')}, one after another", training)


def passed(run: Callable[[], T]) -> T:
    """What a pass gives. Raises RequestError where the model's own code fails."""
    try:
        return run()
    except (*NO_FAILURES, RequestError):
        raise
    except Exception as problem:
        text = next(iter(str(problem).splitlines()), "")
        raise RequestError(f"the pass fails, see NN001: {type(problem).__name__}: {text}") from problem


def samples_in(specs: list[InputSpec]) -> int | None:
    """How many samples the inputs have, if the first axis of all of them can be theirs."""
    tensors = [spec for spec in specs if spec.value is None]
    sizes = {spec.shape[0] for spec in tensors if spec.shape}
    if len(sizes) != 1 or any(not spec.shape or spec.file for spec in tensors):
        return None
    return next(iter(sizes)) or None


def with_samples(specs: list[InputSpec], count: int) -> list[InputSpec]:
    """The same inputs with so many samples each."""
    return [spec if not spec.shape else replace(spec, shape=[count, *spec.shape[1:]]) for spec in specs]


def unlike(arguments: Arguments, seed: int) -> Arguments:
    """Noise whose samples differ also on average, as images and sequences do; pooled, noise alone is always the same.

    Mean 0 and deviation 1 as before: a third of the variance is shared along the axes behind the second, a third along
    all but the last.
    """
    generator = torch.Generator().manual_seed(later_seed(seed, 1))

    def change(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point() or tensor.dim() < 3 or not bool((tensor < 0).any()):
            return tensor
        ones = [1] * (tensor.dim() - 2)
        shared = torch.randn([*tensor.shape[:2], *ones], generator=generator)
        across = torch.randn([tensor.shape[0], *ones, tensor.shape[-1]], generator=generator)
        return (tensor + shared.to(tensor) + across.to(tensor)) / 3**0.5

    return with_tensors(arguments[0], change), with_tensors(arguments[1], change)


def unmeasured(module: nn.Module) -> bool:
    """Whether a normalisation's running statistics are still those that it started with."""
    batches = getattr(module, "num_batches_tracked", None)
    return isinstance(batches, torch.Tensor) and not batches.is_meta and int(batches) == 0


def _nothing(module: nn.Module) -> bool:
    return False


def _affordable(subject: Subject, arguments: Arguments) -> int:
    """How many passes on these arguments."""
    elements = sum(tensor.numel() for tensor in tensors_in(arguments))
    return min(ELEMENTS // max(1, elements), OPERATIONS // max(1, subject.operations() or 1))


def _takes(subject: Subject, arguments: Arguments, count: int, training: Callable[[nn.Module], bool]) -> bool:
    """Whether a pass over so many samples works and puts out as many."""

    def sizes(output: object) -> list[int]:
        return [tensor.shape[0] if tensor.dim() else 0 for tensor in _floating(output)]

    try:
        found = subject.run(arguments, training=training, then=sizes)
    except NO_FAILURES:
        raise
    except Exception:
        return False
    return bool(found) and all(size == count for size in found)


def _are_random(subject: Subject, arguments: Arguments) -> bool:
    if not subject.specs:
        return True
    other = subject.arguments(later_seed(subject.seed, 1))
    pairs = zip(tensors_in(arguments), tensors_in(other), strict=True)
    return any(not torch.equal(one, two) for one, two in pairs)


def _floating(output: object) -> Iterator[torch.Tensor]:
    return (tensor for tensor in tensors_in(output) if tensor.is_floating_point())

"""Which axis of each input is the samples', found by running with other numbers of them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.nested import shapes_in
from inspector.engine.pytorch.passes import run_shapes

SIZES = (2, 3, 5)
"""Numbers of samples: small, and with no common factor, so that each axis tells what it follows."""
MOST_ASSIGNMENTS = 12
Axes = tuple[int | None, ...]
"""Of each input the axis that holds its samples; None where it has none."""


@dataclass(frozen=True)
class BatchRun:
    """What came of a number of samples."""

    samples: int
    shapes: list[list[int]] | None
    """Of the outputs; None where the forward failed."""
    failure: Failure | None


@dataclass(frozen=True)
class OutputAxes:
    """How the shape of one output follows the number of samples."""

    number: int
    shapes: list[list[int]]
    """With each of `SIZES` samples."""
    multiples: list[int | None]
    """Of each axis: 0 where it stays, k where it is k times the number of samples, None where it is neither."""

    @property
    def followers(self) -> list[int]:
        """The axes as long as there are samples."""
        return [axis for axis, multiple in enumerate(self.multiples) if multiple == 1]


@dataclass(frozen=True)
class BatchAxes:
    """Which axes hold samples, and what other numbers of samples led to."""

    specs: list[InputSpec]
    axes: Axes
    runs: list[BatchRun]
    """With each of `SIZES` samples, and with one."""
    outputs: list[OutputAxes]
    """None where a pass failed or their number differs between passes."""
    second: Axes | None
    """The second axes of the inputs, where these may hold the samples: an output follows them."""
    is_given: int
    """The number of samples in the inputs as they were found."""

    @property
    def failed(self) -> list[BatchRun]:
        """The runs with several samples that failed."""
        return [run for run in self.runs if run.failure is not None and run.samples > 1]

    @property
    def follows(self) -> bool:
        """Whether some output has an axis of samples."""
        return any(output.followers for output in self.outputs)


def batch_axes(subject: Subject) -> BatchAxes:
    """Try the first axes, then others, until the model runs with any number of samples and an output follows them.

    Raises RequestError where there are no axes to change or the model does not run at all.
    """
    specs = subject.specs
    first = next((spec for spec in specs if spec.shape), None)
    if first is None or not first.shape or any(spec.shape is None and spec.value is None for spec in specs):
        raise RequestError("none of the inputs has an axis that could be made longer")
    if any(len(sizes) == 2 and sizes[0] == sizes[1] == first.shape[0] > 1 for sizes in _shapes_beside(specs, first)):
        raise RequestError("an input is square, as long as the first: it may join rows of it, as those of a graph")
    as_found = _run(subject, specs, (None,) * len(specs), first.shape[0])
    if as_found.failure is not None:
        raise RequestError(f"the forward pass fails: {as_found.failure.message}")
    assignments = list(itertools.islice(_assignments(specs), MOST_ASSIGNMENTS))
    tried = None
    for axes in assignments:
        found = _with(subject, specs, axes, first.shape[0])
        tried = tried or found
        if not found.failed and found.follows:
            tried = found
            break
    assert tried is not None
    second = _second(specs)
    if second is None or second == tried.axes:
        return tried
    other = _with(subject, specs, second, first.shape[0])
    return _replaced(tried, second) if not other.failed and other.follows else tried


def arguments_with(subject: Subject, specs: list[InputSpec], axes: Axes, samples: int, seed: int) -> Arguments:
    """Arguments with another number of samples."""
    return subject.arguments(seed, resized(specs, axes, samples))


def resized(specs: list[InputSpec], axes: Axes, samples: int) -> list[InputSpec]:
    """The inputs with another number of samples."""
    return [
        spec
        if axis is None or spec.shape is None
        else replace(spec, shape=[*spec.shape[:axis], samples, *spec.shape[axis + 1 :]])
        for spec, axis in zip(specs, axes, strict=True)
    ]


def _shapes_beside(specs: list[InputSpec], first: InputSpec) -> list[list[int]]:
    return [spec.shape for spec in specs if spec.shape and spec is not first]


def _replaced(found: BatchAxes, second: Axes) -> BatchAxes:
    return BatchAxes(found.specs, found.axes, found.runs, found.outputs, second, found.is_given)


def _assignments(specs: list[InputSpec]) -> Iterator[Axes]:
    """First axes as long as the first input's; then second axes, or none, in the place of some."""
    first = next(spec.shape for spec in specs if spec.shape)
    usual = tuple(0 if spec.shape and spec.shape[0] == first[0] else None for spec in specs)
    seen: set[Axes] = set()
    choices = [
        [axis]
        if not spec.shape or spec.shape is first
        else [axis, *(1 for _ in spec.shape[1:2] if spec.shape[1] == first[0]), *([None] if axis == 0 else [])]
        for spec, axis in zip(specs, usual, strict=True)
    ]
    for axes in itertools.chain([usual], itertools.product(*choices)):
        if axes not in seen and any(axis is not None for axis in axes):
            seen.add(axes)
            yield axes


def _second(specs: list[InputSpec]) -> Axes | None:
    """The second axis of the first input, and those of others that are as long."""
    first = next(spec.shape for spec in specs if spec.shape)
    if len(first) < 2:
        return None
    own = [(spec.shape or []) for spec in specs]
    return tuple(
        1 if len(sizes) > 1 and sizes[1] == first[1] else 0 if sizes and sizes[0] == first[1] else None for sizes in own
    )


def _with(subject: Subject, specs: list[InputSpec], axes: Axes, given: int) -> BatchAxes:
    runs = [_run(subject, specs, axes, samples) for samples in SIZES]
    shapes = [run.shapes for run in runs if run.shapes is not None]
    outputs: list[OutputAxes] = []
    if len(shapes) == len(SIZES) and len({len(one) for one in shapes}) == 1:
        outputs = [
            _output(number, [list(one) for one in each]) for number, each in enumerate(zip(*shapes, strict=True))
        ]
    if outputs:
        runs.append(_run(subject, specs, axes, 1))
    return BatchAxes(specs, axes, runs, outputs, None, given)


def _output(number: int, shapes: list[list[int]]) -> OutputAxes:
    if len({len(shape) for shape in shapes}) > 1:
        return OutputAxes(number, shapes, [None])
    return OutputAxes(number, shapes, [_multiple(sizes) for sizes in zip(*shapes, strict=True)])


def _multiple(sizes: tuple[int, ...]) -> int | None:
    if len(set(sizes)) == 1:
        return 0
    times = sizes[0] // SIZES[0]
    return times if all(size == times * samples for size, samples in zip(sizes, SIZES, strict=True)) else None


def _run(subject: Subject, specs: list[InputSpec], axes: Axes, samples: int) -> BatchRun:
    subject.progress(samples, None, f"running with {samples} samples")

    def shapes(output: Any) -> list[list[int]]:
        return shapes_in(output)

    arguments = arguments_with(subject, specs, axes, samples, subject.seed)
    with subject.in_mode(training=False):
        done = run_shapes(subject.module, arguments, subject.seed, confirm=True)
        if done.problem is None:
            return BatchRun(samples, shapes(done.output), None)
        return BatchRun(samples, None, describe_failure(done.problem, subject.module, done.recorder))

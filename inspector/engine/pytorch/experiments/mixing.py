"""Which elements of what a pass makes depend on more than one sample.

Each sample is drawn anew in turn, the others stay: what changes depends on it. No axis has to be known beforehand, and
integers do as well as numbers that have a gradient.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from msgspec.structs import replace

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import later_seed
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.experiments.batch_axes import Axes, BatchAxes, arguments_with, batch_axes
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.tensor_calls import is_pointwise

SAMPLES = 3
TOLERANCE = 1e-5
"""Of the largest value: what rounding may change."""


@dataclass(frozen=True)
class Call:
    """One call of the pass, as a finding tells of it."""

    path: str
    type: str
    source: Source | None
    input_shapes: list[list[int]]
    output_shapes: list[list[int]]
    is_pointwise: bool = False
    takes_indices: bool = False
    batch_statistics: bool = False


@dataclass(frozen=True)
class MixedOutput:
    """One output of the model, as far as it follows the number of samples."""

    number: int
    shape: list[int]
    mixed: float
    """The share of its elements that depend on several samples."""
    axis: int | None
    """The axis along which each sample stays in its own place; None where there is none."""


@dataclass(frozen=True)
class Mixing:
    """How samples meet in a pass on `SAMPLES` of them."""

    axes: Axes
    outputs: list[MixedOutput]
    first: Call | None
    """The first to finish with an element that depends on several samples."""
    moved: Call | None
    """The first, before that one, whose result no longer has the samples along an axis."""
    clean_along_second: bool
    """Whether no output mixes what lies along the second axes of the inputs."""

    @property
    def is_mixed(self) -> bool:
        """Whether an output has elements that depend on several samples."""
        return any(output.mixed for output in self.outputs)

    @property
    def is_scattered(self) -> bool:
        """Whether an output has each element of one sample, and the samples not along an axis."""
        return any(not output.mixed and output.axis is None for output in self.outputs)


def mixing(subject: Subject) -> Mixing:
    """Run with `SAMPLES` samples, drawing each anew in turn; once more with every call watched where some meet."""
    known = subject.of(batch_axes)
    if known.failed:
        raise RequestError("the forward pass fails with another number of samples")
    outputs = _outputs(subject, known, known.axes)
    if not any(output.mixed or output.axis is None for output in outputs):
        return Mixing(known.axes, outputs, None, None, False)
    first, moved = _localise(subject, known)
    return Mixing(known.axes, outputs, first, moved, subject.of(second_axes_keep_apart))


def second_axes_keep_apart(subject: Subject) -> bool:
    """Whether the second axes of the inputs could be those of the samples: no output mixes what lies along them."""
    known = subject.of(batch_axes)
    if known.second is None:
        return False
    return not any(output.mixed or output.axis is None for output in _outputs(subject, known, known.second))


def _outputs(subject: Subject, known: BatchAxes, axes: Axes) -> list[MixedOutput]:
    base = _outcome(subject, _drawn(subject, known, axes, None))
    found = [_Influence(tensor) for tensor in base]
    for sample in range(SAMPLES):
        changed = _outcome(subject, _drawn(subject, known, axes, sample))
        if [tensor.shape for tensor in changed] != [tensor.shape for tensor in base]:
            raise RequestError("the shapes of the outputs depend on the values of the inputs")
        for influence, tensor in zip(found, changed, strict=True):
            influence.add(tensor, sample)
    return [
        MixedOutput(number, list(one.base.shape), one.mixed, one.axis)
        for number, one in enumerate(found)
        if one.base.ndim and one.base.numel() >= SAMPLES
    ]


def _drawn(subject: Subject, known: BatchAxes, axes: Axes, sample: int | None) -> Arguments:
    """The arguments, those of one sample drawn anew."""
    # Inputs that are one value throughout would be the same when they are drawn anew.
    specs = [
        replace(spec, distribution="normal" if "float" in spec.dtype else "range", low=0.0, high=2.0)
        if spec.distribution in ("zeros", "ones") and spec.dtype != "bool"
        else spec
        for spec in known.specs
    ]
    arguments = arguments_with(subject, specs, axes, SAMPLES, subject.seed)
    if sample is None:
        return arguments
    others = arguments_with(subject, specs, axes, SAMPLES, later_seed(subject.seed, 1))
    spares = iter(list(tensors_in(others)))
    tensor_axes = iter([axis for spec, axis in zip(known.specs, axes, strict=True) if spec.value is None])

    def change(tensor: torch.Tensor) -> torch.Tensor:
        other, axis = next(spares), next(tensor_axes)
        if axis is None:
            return tensor
        mixed = tensor.clone()
        mine, theirs = mixed.select(axis, sample), other.select(axis, sample)
        if torch.equal(mine, theirs) and not tensor.is_floating_point() and tensor.numel():
            theirs = theirs.flatten().roll(1).view_as(theirs)
        mine.copy_(theirs)
        return mixed

    changed: Arguments = with_tensors(arguments, change)
    return changed


def _outcome(subject: Subject, arguments: Arguments, recorder: Recorder | None = None) -> list[torch.Tensor]:
    try:
        done: list[torch.Tensor] = subject.run(
            arguments, recorder=recorder, then=lambda output: [tensor.detach().clone() for tensor in tensors_in(output)]
        )
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward pass fails: {first_line(problem)}") from problem
    return done


class _Influence:
    """Which samples each element of a tensor depends on."""

    def __init__(self, base: torch.Tensor) -> None:
        self.base = base
        self._count = torch.zeros(base.shape, dtype=torch.uint8)
        self._owner = torch.full(base.shape, -1, dtype=torch.int8)

    def add(self, changed: torch.Tensor, sample: int) -> None:
        """Take note of what it is with one sample drawn anew."""
        differs = differing(self.base, changed).cpu()
        self._count += differs.to(torch.uint8)
        self._owner[differs] = sample

    @property
    def mixed(self) -> float:
        """The share of elements that depend on several samples."""
        return float((self._count > 1).double().mean()) if self.base.numel() else 0.0

    @property
    def axis(self) -> int | None:
        """The axis along which the samples lie, also as blocks or in turn; None where they lie along none."""
        for axis, size in enumerate(self.base.shape):
            owner = self._owner.movedim(axis, 0)
            for before in (each for each in range(1, size // SAMPLES + 1) if not size % (each * SAMPLES)):
                blocks = owner.reshape(before, SAMPLES, size // (before * SAMPLES), -1)
                own = torch.arange(SAMPLES, dtype=torch.int8).view(1, SAMPLES, 1, 1)
                if bool(((blocks == own) | (blocks == -1)).all()):
                    return axis
        return None

    @property
    def touched(self) -> bool:
        """Whether anything depends on a sample."""
        return bool((self._count > 0).any())


def differing(base: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """Where two tensors differ by more than rounding."""
    if not (base.is_floating_point() or base.is_complex()):
        return base != changed
    both = torch.stack([base.abs().nan_to_num(0, 0, 0), changed.abs().nan_to_num(0, 0, 0)])
    largest = float(both.max()) if both.numel() else 0.0
    if not math.isfinite(largest):
        largest = 0.0
    unlike = (base - changed).abs() > TOLERANCE * largest
    return unlike | (base.isnan() != changed.isnan()) | (base.isinf() & (base != changed))


class _Watch:
    """The results of every call of one pass, or how those of another differ from them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.found: list[list[_Influence]] = []
        self._functions: dict[int, tuple[Any, Any, Any]] = {}

    def recorder(self, subject: Subject, sample: int | None) -> Recorder:
        """What records a pass, with one sample drawn anew; None for the first."""
        at = 0
        is_together = True

        def measure(record: CallRecord, output: Any) -> None:
            nonlocal at, is_together
            tensors = [tensor.detach() for tensor in tensors_in(output) if not tensor.is_nested]
            if sample is None:
                self.calls.append(self._call(record))
                self.found.append([_Influence(tensor.clone()) for tensor in tensors])
                return
            is_together = is_together and at < len(self.calls)
            if is_together:
                known = self.found[at]
                is_together = self.calls[at].type == record.type and len(known) == len(tensors)
                if is_together:
                    for influence, tensor in zip(known, tensors, strict=True):
                        if influence.base.shape == tensor.shape:
                            influence.add(tensor, sample)
            at += 1

        made = Recorder(subject.module, measure=measure)

        def run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if sample is None and made.running is not None:
                self._functions[id(made.running)] = (func, args, kwargs)
            return func(*args, **kwargs)

        made.run = run
        return made

    def _call(self, record: CallRecord) -> Call:
        func, args, _ = self._functions.pop(id(record), (None, (), {}))
        name = canonical_name(func) if func is not None else ""
        integers = [tensor for tensor in tensors_in(args) if not tensor.is_floating_point() and tensor.ndim]
        statistics = name == "batch_norm" or isinstance(record.module, torch.nn.modules.batchnorm._BatchNorm)
        return Call(
            record.place,
            record.type,
            record.source,
            record.input_shapes,
            record.output_shapes,
            func is not None and is_pointwise(func),
            bool(integers) and name in _INDEXING,
            statistics,
        )


_INDEXING = {
    "getitem", "index_select", "index_add", "scatter", "scatter_add", "scatter_reduce", "gather", "take_along_dim",
    "index_put", "setitem",
}  # fmt: skip


def _localise(subject: Subject, known: BatchAxes) -> tuple[Call | None, Call | None]:
    watch = _Watch()
    for sample in (None, *range(SAMPLES)):
        _outcome(subject, _drawn(subject, known, known.axes, sample), watch.recorder(subject, sample))
    moved = None
    for call, influences in zip(watch.calls, watch.found, strict=True):
        if any(influence.mixed for influence in influences):
            return call, moved
        if moved is None and any(one.touched and one.axis is None for one in influences if one.base.ndim):
            moved = call
    return None, moved

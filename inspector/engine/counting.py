"""Counts of one value of a pass: what its statistics are worked out from, and those of several passes together.

On the CPU by one sweep of the memory for the extremes of every channel and few operations in the cache for the rest:
torch.var_mean and torch.histc over everything take several times as long as a convolution. On other devices by
operations that nothing waits for, until those of all values are fetched at once.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from inspector.engine.statistics import moments

EXACT = 1 << 18
"""Elements of a value up to which every one is counted: beyond, reading all takes longer than a layer does."""
SAMPLE = 1 << 15
"""Elements that are counted of a larger one."""
NEIGHBOURS = 16
"""Elements next to each other in a sample: as many as one access to memory brings."""
SATURATED = 0.01
"""Of the distance between an activation's bounds, how near to one of them counts as saturated."""
_BLOCK = 1 << 12
"""Elements summed in single precision before the sums are added in double: six digits are right."""
_CANCELLED = 50
"""Mean square against variance up to which the difference of such sums keeps five digits."""

Bounds = tuple[float, float]
Array = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one value in one pass."""

    elements: int
    looked: int
    """How many elements all but the extremes and what is not finite are of."""
    nan: int
    inf: int
    finite: int
    """Of those looked at."""
    mean: float
    squares: float
    """The sum of the squared distances from the mean."""
    zeros: int
    """Of those looked at."""
    saturated: int | None
    low: Array
    """Of each channel, over the finite elements; inf where it has none."""
    high: Array
    sample: Array


@dataclass(frozen=True, slots=True)
class Fetching:
    """Of one value on another device: all numbers of `Counts` in one vector that is yet to be fetched."""

    elements: int
    looked: int
    channels: int
    bounded: bool
    numbers: torch.Tensor


def count(values: torch.Tensor, bounds: Bounds | None, shown: int, keep: Callable[[Array], Array]) -> Counts:
    """The counts of a value on the CPU, which has elements; `keep` copies what is kept of it."""
    low, high = _edges(values)
    if math.isfinite(float(low.sum()) - float(high.sum())):
        nan = inf = 0
        finite = looked = _flat(values) if values.numel() <= EXACT else some(values, SAMPLE)
    else:
        looked = _flat(values)
        nan, inf = int(looked.isnan().sum()), int(looked.isinf().sum())
        finite = looked[looked.isfinite()]
        usable = values.isfinite()
        low, high = (
            _edges(torch.where(usable, values, math.inf))[0],
            _edges(torch.where(usable, values, -math.inf))[1],
        )
    mean, squares = _moments(finite)
    array = looked.numpy()
    return Counts(
        elements=values.numel(), looked=looked.numel(), nan=nan, inf=inf, finite=finite.numel(),
        mean=mean, squares=squares, zeros=looked.numel() - int(numpy.count_nonzero(array != 0)),
        saturated=None if bounds is None else int(numpy.count_nonzero(_near(looked, bounds).numpy())),
        low=keep(low.numpy()), high=keep(high.numpy()),
        sample=keep(some(finite, shown).numpy()),
    )  # fmt: skip


def fetching(values: torch.Tensor, bounds: Bounds | None, shown: int) -> Fetching:
    """The counts of a value, as operations on its device that nothing waits for."""
    usable = values.isfinite() if values.is_floating_point() else torch.ones_like(values, dtype=torch.bool)
    wide = values if values.is_floating_point() else values.double()
    low, high = _edges(torch.where(usable, wide, math.inf))[0], _edges(torch.where(usable, wide, -math.inf))[1]
    looked = some(wide, SAMPLE) if wide.numel() > EXACT else _flat(wide)
    finite = looked.isfinite()
    number = finite.sum().double()
    kept = looked.where(finite, 0.0).double()
    mean = kept.sum() / number
    squares = ((kept - mean) * finite).square().sum()
    zeros = (looked == 0).sum()
    near = _near(looked, bounds).sum() if bounds is not None else torch.zeros_like(zeros)
    scalars = [values.isnan().sum(), values.isinf().sum(), number, mean, squares, zeros, near]
    vector = torch.cat([torch.stack([one.double() for one in scalars]), low, high, some(looked, shown)])
    return Fetching(wide.numel(), looked.numel(), low.numel(), bounds is not None, vector)


def fetched(waiting: Iterable[Fetching]) -> dict[int, Counts]:
    """By the identity of what waits, all of it in one transfer."""
    told, waiting = {}, list(waiting)
    one_transfer = torch.cat([part.numbers for part in waiting]).cpu().numpy() if waiting else numpy.zeros(0)
    begin = 0
    for part in waiting:
        numbers = one_transfer[begin : begin + part.numbers.numel()]
        begin += part.numbers.numel()
        nan, inf, finite, mean, squares, zeros, near = map(float, numbers[:7])
        low, high, sample = numpy.split(numbers[7:], [part.channels, 2 * part.channels])
        told[id(part)] = Counts(
            elements=part.elements, looked=part.looked, nan=int(nan), inf=int(inf), finite=int(finite),
            mean=mean, squares=squares, zeros=int(zeros), saturated=int(near) if part.bounded else None,
            low=low, high=high, sample=sample[numpy.isfinite(sample)],
        )  # fmt: skip
    return told


def _edges(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the largest element of every channel (axis 1), or of all; NaN where there is one."""
    if values.dim() < 2:
        return values.amin().reshape(1), values.amax().reshape(1)
    axes = [0, *range(2, values.dim())]
    if values.dim() == 2 or not values.is_contiguous():
        return values.amin(axes), values.amax(axes)
    # Sample by sample first: along the memory.
    apart = values.view(values.shape[0] * values.shape[1], -1)
    samples = values.shape[:2]
    return apart.amin(1).view(samples).amin(0), apart.amax(1).view(samples).amax(0)


def _flat(values: torch.Tensor) -> torch.Tensor:
    """As one axis in the order of the memory where that takes no copy."""
    if not values.is_contiguous() and values.dim() > 1:
        values = values.permute(sorted(range(values.dim()), key=values.stride, reverse=True))
    return values.reshape(-1)


def some(values: torch.Tensor, number: int) -> torch.Tensor:
    """About `number` elements, spread evenly in runs of neighbours; all where there are no more."""
    flat = _flat(values)
    if flat.numel() <= number:
        return flat
    # An odd distance, so that it is in step with few axes.
    distance = flat.numel() // (number // NEIGHBOURS) | 1
    runs = flat.numel() // distance
    return flat[: runs * distance].view(runs, distance)[:, :NEIGHBOURS].reshape(-1)


def _moments(finite: torch.Tensor) -> tuple[float, float]:
    """The mean, and the sum of the squared distances from it."""
    number, array = finite.numel(), finite.numpy()
    if 0 < number <= _BLOCK:
        wide = array.astype(numpy.float64)
        mean = float(wide.sum()) / number
        return mean, float(((wide - mean) ** 2).sum())
    if finite.dtype == torch.float32 and number > _BLOCK:
        whole = number - number % _BLOCK
        blocks = array[:whole].reshape(-1, _BLOCK)
        with numpy.errstate(over="ignore"):
            sums = blocks.sum(axis=1).sum(dtype=numpy.float64)
            of_squares = numpy.einsum("ij,ij->i", blocks, blocks).sum(dtype=numpy.float64)
        rest = array[whole:].astype(numpy.float64)
        mean = float(sums + rest.sum()) / number
        squares = float(of_squares + rest @ rest) - number * mean * mean
        # Squares of tiny numbers vanish in single precision, those of huge ones are infinite.
        if number * mean * mean <= _CANCELLED * squares and 1e-24 < squares / number < 1e24:
            return mean, squares
    mean, deviation = moments(finite)
    return mean, deviation**2 * (number - 1) if number > 1 else 0.0


def _near(values: torch.Tensor, bounds: Bounds) -> torch.Tensor:
    low, high = bounds
    room = (high - low) * SATURATED
    return (values < low + room) | (values > high - room)

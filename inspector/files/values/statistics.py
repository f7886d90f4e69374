"""An array's values in numbers: as the engine tells them of a tensor, but without torch and in bounded memory."""

import math
from collections.abc import Iterator

import numpy as np

from inspector.core.results import Extreme, Histogram, Norms, Statistics
from inspector.core.summing import total
from inspector.files.values.reading import Array

BINS = 32
CHUNK = 1 << 20
"""Elements in memory at a time."""
UNKNOWN = Statistics(mean=None, std=None, min=None, max=None, zeros=None)


def chunks(array: Array) -> Iterator[Array]:
    """The elements in pieces of at most CHUNK, flat; in the order in which they lie in memory."""
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    laid = array.transpose(order)
    if laid.flags.c_contiguous or laid.size <= CHUNK:
        flat = laid.reshape(-1)
        yield from (flat[at : at + CHUNK] for at in range(0, flat.size, CHUNK))
    else:
        for part in laid:
            yield from chunks(part)


def plain(values: Array) -> Array:
    """Real numbers of a dtype that every reduction takes: float64, but small integers and bool as int64."""
    if values.dtype.kind == "c":
        values = np.abs(values.astype(np.complex128))
    if values.dtype.kind in "biu" and values.dtype != np.uint64:
        return values.astype(np.int64)
    return values.astype(np.float64)


def statistics(array: Array) -> Statistics:
    """Exact statistics over the finite values; see `inspector.core.results.Statistics`.

    As the engine's: `std` divides by n − 1, complex values count by their absolute value, the histogram has 32 bins of
    equal width from min to max, or from v − ½ to v + ½ where all are one value v.
    """
    if array.size == 0:
        return UNKNOWN
    nan = inf = zeros = number = 0
    low, high = math.inf, -math.inf
    sums: list[float] = []
    for chunk in map(plain, chunks(array)):
        zeros += chunk.size - int(np.count_nonzero(chunk))
        finite = chunk
        if chunk.dtype.kind == "f" and not np.isfinite(chunk).all():
            nan += int(np.isnan(chunk).sum())
            inf += int(np.isinf(chunk).sum())
            finite = chunk[np.isfinite(chunk)]
        if finite.size:
            number += finite.size
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            with np.errstate(over="ignore"):
                sums.append(float(finite.sum(dtype=np.float64)))
    mean = total(sums) / number if number else math.nan
    std = _deviation(array, mean, number)
    return Statistics(
        mean=_known(mean),
        std=_known(std),
        min=_known(low),
        max=_known(high),
        zeros=zeros / array.size,
        nan=nan,
        inf=inf,
        histogram=_histogram(array, low, high) if number else None,
    )


def _deviation(array: Array, mean: float, number: int) -> float:
    if number < 2 or not math.isfinite(mean):
        return math.nan
    with np.errstate(over="ignore"):
        squares = total(float(np.square(finite - mean).sum()) for finite in _finite(array))
    return math.sqrt(squares / (number - 1)) if math.isfinite(squares) else math.nan


def _finite(array: Array) -> Iterator[Array]:
    for chunk in map(plain, chunks(array)):
        yield chunk if chunk.dtype.kind != "f" else chunk[np.isfinite(chunk)]


def _histogram(array: Array, low: float, high: float) -> Histogram | None:
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / BINS
    if not math.isfinite(width) or low + width <= low:
        return None
    counts = np.zeros(BINS, np.int64)
    for finite in _finite(array):
        counts += np.histogram(finite, bins=BINS, range=(low, high))[0]
    edges = [low + width * at for at in range(BINS)] + [high]
    return Histogram(edges=edges, counts=counts.tolist())


def norms(array: Array) -> Norms | None:
    """The norms of all elements as one vector, in float64; None for an array without elements."""
    if array.size == 0:
        return None
    most = max(float(np.abs(chunk.astype(np.float64)).max()) for chunk in map(plain, chunks(array)))
    if not math.isfinite(most):
        return Norms(one=None, two=None, infinity=None)
    # By the largest value, so that no square is too large or too small.
    scale = most or 1.0
    ones, squares = [], []
    for chunk in map(plain, chunks(array)):
        size = np.abs(chunk.astype(np.float64)) / scale
        ones.append(float(size.sum()))
        squares.append(float(np.square(size).sum()))
    return Norms(one=_known(total(ones) * scale), two=_known(math.sqrt(total(squares)) * scale), infinity=most)


def largest(array: Array, count: int) -> list[Extreme]:
    """The elements of largest absolute value, largest first, of equal ones the first; none that is not finite."""
    found: list[tuple[float, int]] = []
    flat = array.reshape(-1) if array.flags.c_contiguous else None
    for start in range(0, array.size, CHUNK):
        piece = flat[start : start + CHUNK] if flat is not None else _piece(array, start)
        size = np.abs(plain(piece).astype(np.float64))
        size[~np.isfinite(size)] = -1
        least = np.partition(size, -count)[-count] if size.size > count else -1
        # Of equal ones the first, as many as may be needed.
        kept = [*np.flatnonzero(size > least), *np.flatnonzero(size == least)[:count]]
        found += [(float(size[at]), start + int(at)) for at in kept if size[at] >= 0]
        found = sorted(found, key=lambda one: (-one[0], one[1]))[:count]
    return [_extreme(array, position) for _, position in found]


def _piece(array: Array, start: int) -> Array:
    stop = min(start + CHUNK, array.size)
    return array[np.unravel_index(np.arange(start, stop), array.shape)]


def _extreme(array: Array, position: int) -> Extreme:
    index = [int(at) for at in np.unravel_index(position, array.shape)] if array.ndim else []
    return Extreme(index=index, value=float(plain(np.asarray(array[tuple(index)]))))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""A tensor's values in numbers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch

from inspector.core.results import Extreme, Histogram, Norms, Statistics
from inspector.core.summing import total

BINS = 32
CHUNK = 1 << 20
"""Elements looked at at a time, so that a large tensor is not doubled in memory."""
CACHED = 1 << 15
"""Elements converted to float64 at a time: they stay in the cache, and torch does not split them between threads,

which wait for each other longer than the work takes where the machine has other work.
"""
_CANCELLED = 1e4
"""Mean square against variance up to which the difference of sums keeps twelve digits."""
DENSE_LIMIT = 1 << 26
"""Elements of a sparse tensor that are written out; beyond, its statistics are not known."""
UNKNOWN = Statistics(mean=None, std=None, min=None, max=None, zeros=None)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Many small reductions on one thread of torch: where the machine has other work, its threads wait for each other
    ten times longer than the work takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def statistics(tensor: torch.Tensor, histogram: bool = True) -> Statistics:
    """Exact statistics over the finite values, accumulated in float64; `std` divides by n − 1 as `torch.std` does.

    Complex values count by their absolute value. `zeros` is a share of all elements. The histogram has 32 bins of equal
    width from min to max; where both are one value v, from v − ½ to v + ½. All is None for tensors without values:
    empty, on the meta device, not yet materialised.
    """
    values = plain(tensor)
    if values is None or values.numel() == 0:
        return UNKNOWN
    flat = values.reshape(-1)
    nan = inf = 0
    low, high = _extremes(flat)
    if not (math.isfinite(low) and math.isfinite(high)):
        nan, inf = int(flat.isnan().sum()), int(flat.isinf().sum())
        finite = flat[flat.isfinite()]
        low, high = _extremes(finite) if finite.numel() else (math.nan, math.nan)
    else:
        finite = flat
    mean, std = moments(finite)
    return Statistics(
        mean=known(mean),
        std=known(std),
        min=known(low),
        max=known(high),
        zeros=1 - sum(map(_nonzero, flat.split(CHUNK))) / flat.numel(),
        nan=nan,
        inf=inf,
        histogram=_histogram(finite, low, high) if histogram and finite.numel() else None,
    )


@torch.no_grad()
def norms(tensor: torch.Tensor) -> Norms | None:
    """The norms of all elements as one vector, in float64; None for tensors without values."""
    values = plain(tensor)
    if values is None or values.numel() == 0:
        return None
    flat = values.reshape(-1)
    low, high = _extremes(flat)
    most = max(abs(low), abs(high))
    if not math.isfinite(most):
        return Norms(one=None, two=None, infinity=None)
    # By the largest value, so that no square is too large or too small.
    scale = most or 1.0
    sums = [
        (float(part.sum()), float(part.square().sum())) for part in ((chunk / scale).abs() for chunk in _chunks(flat))
    ]
    one = total(absolute for absolute, _ in sums) * scale
    two = math.sqrt(total(square for _, square in sums)) * scale
    return Norms(one=known(one), two=known(two), infinity=most)


@torch.no_grad()
def largest(tensor: torch.Tensor, count: int) -> list[Extreme]:
    """The elements of largest absolute value, largest first, of equal ones the first; none that is not finite."""
    values = plain(tensor)
    if values is None or values.numel() == 0:
        return []
    flat, found = values.reshape(-1), list[tuple[float, int]]()
    for number, chunk in enumerate(_chunks(flat)):
        size = chunk.abs().nan_to_num(-1.0, -1.0, -1.0)
        best = size.topk(min(count, len(size)))
        # topk does not say which of equal ones it takes.
        least = float(best.values[-1])
        kept = (size > least).nonzero().flatten().tolist() + (size == least).nonzero().flatten()[:count].tolist()
        found += [(float(size[at]), number * CHUNK + at) for at in kept if float(size[at]) >= 0]
        found = sorted(found, key=lambda one: (-one[0], one[1]))[:count]
    shape = tuple(values.shape)
    return [
        Extreme(index=[int(at) for at in torch.unravel_index(torch.tensor(place), shape)], value=float(flat[place]))
        for _, place in found
    ]


def plain(tensor: torch.Tensor) -> torch.Tensor | None:
    """The values as a dense real tensor that every reduction takes; None where there are none to read."""
    if tensor.is_nested or torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
        return None
    values = tensor.detach()
    if values.is_quantized:
        values = values.dequantize()
    if values.layout != torch.strided:
        if values.numel() > DENSE_LIMIT:
            return None
        values = values.to_dense()
    if values.is_complex():
        values = values.abs()
    elif values.is_floating_point():
        # float8 and the half precisions lack reductions on some devices; float32 holds them exactly.
        values = values if values.dtype in (torch.float32, torch.float64) else values.float()
    elif values.dtype == torch.bool:
        values = values.to(torch.uint8)
    elif values.dtype in (torch.uint16, torch.uint32):
        values = values.to(torch.int64)
    elif values.dtype == torch.uint64:
        values = values.double()
    values = values.resolve_neg()
    return values.cpu() if values.device.type == "mps" else values  # which has no float64


def _extremes(flat: torch.Tensor) -> tuple[float, float]:
    # Both propagate NaN and show Inf: one cheap pass tells whether a dearer search is needed.
    if flat.device.type == "cpu":
        values = flat.numpy()
        return float(values.min()), float(values.max())
    low, high = flat.aminmax()
    return float(low), float(high)


def _chunks(flat: torch.Tensor, size: int = CHUNK) -> Iterator[torch.Tensor]:
    return (chunk.double() for chunk in flat.split(size))


def moments(finite: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation, in double precision, by the sums of values and squares.

    Where the mean exceeds the deviation by far their difference cancels, and the squares of the differences are added
    in a second pass.
    """
    number = finite.numel()
    if number == 0:
        return math.nan, math.nan
    size = CACHED if finite.device.type == "cpu" else CHUNK
    sums = [(float(chunk.sum()), float(chunk.dot(chunk))) for chunk in _chunks(finite, size)]
    mean = total(first for first, _ in sums) / number
    if number == 1 or not math.isfinite(mean):
        return mean, math.nan
    level = number * mean * mean
    squares = total(second for _, second in sums) - level
    if not level <= _CANCELLED * squares:
        squares = total(float((chunk - mean).square_().sum()) for chunk in _chunks(finite, size))
    return mean, math.sqrt(squares / (number - 1)) if math.isfinite(squares) else math.nan


def _nonzero(part: torch.Tensor) -> int:
    # NumPy compares and counts several times as fast as torch.
    on_cpu = part.device.type == "cpu"
    return int(numpy.count_nonzero(part.numpy() != 0)) if on_cpu else int(torch.count_nonzero(part))


def _histogram(finite: torch.Tensor, low: float, high: float) -> Histogram | None:
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / BINS
    if not math.isfinite(width) or low + width <= low:
        return None
    counts = torch.zeros(BINS, dtype=torch.float64)
    for chunk in _chunks(finite):
        counts += torch.histc(chunk.cpu(), bins=BINS, min=low, max=high)
    edges = [low + width * at for at in range(BINS)] + [high]
    return Histogram(edges=edges, counts=counts.long().tolist())


def known(value: float) -> float | None:
    """None for what is no finite number."""
    return float(value) if math.isfinite(value) else None

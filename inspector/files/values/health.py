"""What one pass over a tensor's values tells of its health, in bounded memory."""

import hashlib
import math
from collections.abc import Callable

import numpy as np

from inspector.core.record import Record
from inspector.files.values.reading import Array
from inspector.files.values.statistics import chunks, plain

FLOAT16_LARGEST = 65504.0
MOST_ROWS = 1 << 21
"""Rows beyond which equal ones are not looked for."""
EXAMPLES = 3


class RepeatedRows(Record, frozen=True, kw_only=True):
    """Rows along the first axis that equal an earlier one and are not one value throughout."""

    rows: int = 0
    """All there are; 0 where there is one axis alone, or one element to a row."""
    repeated: int = 0
    examples: list[tuple[int, int]] = []
    """The first of them, each with the first row that it equals."""
    whole_numbers: bool = False
    """Whether those that repeat hold whole numbers alone, as codes and signs do."""


class Health(Record, frozen=True, kw_only=True):
    """Figures over the finite values, and how many are not."""

    elements: int
    nan: int
    inf: int
    zeros: int
    beyond_float16: int
    """Finite values larger than float16 holds."""
    negative: int
    low: float
    """Smallest finite value; 0 where there is none, as for those below."""
    high: float
    mean: float
    std: float
    """Dividing by the number of values."""
    kurtosis: float
    """3 for a normal distribution, 1.8 for a uniform one; 0 where all are one value."""
    equal_rows: RepeatedRows = RepeatedRows()

    @property
    def constant(self) -> bool:
        """Whether all values are one finite value."""
        return self.low == self.high and not self.nan and not self.inf and self.elements > 0

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))


def health_of(array: Array, tick: Callable[[int], None] = lambda read: None) -> Health:
    """Measure a tensor of at least one element; complex values count by their absolute value.

    `tick` is told the bytes read so far, and may raise to end it.
    """
    read = 0
    nan = inf = zeros = beyond = negative = number = 0
    low, high = math.inf, -math.inf
    shift: float | None = None
    powers = np.zeros(4)
    for chunk in map(plain, chunks(array)):
        tick(read)
        read += chunk.size * array.itemsize
        zeros += chunk.size - int(np.count_nonzero(chunk))
        values = chunk.astype(np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            missing = int(np.isnan(values).sum())
            nan, inf = nan + missing, inf + values.size - int(finite.sum()) - missing
            values = values[finite]
        if not values.size:
            continue
        smallest, greatest = float(values.min()), float(values.max())
        low, high, number = min(low, smallest), max(high, greatest), number + values.size
        if max(-smallest, greatest) > FLOAT16_LARGEST:
            beyond += int((np.abs(values) > FLOAT16_LARGEST).sum())
        if smallest < 0:
            negative += int((values < 0).sum())
        shift = float(values.mean()) if shift is None else shift
        with np.errstate(over="ignore", invalid="ignore"):
            values -= shift
            square = values * values
            powers += [values.sum(), square.sum(), (square * values).sum(), (square * square).sum()]
    mean, std, kurtosis = _moments(powers / max(number, 1))
    return Health(
        elements=array.size,
        nan=nan,
        inf=inf,
        zeros=zeros,
        beyond_float16=beyond,
        negative=negative,
        low=low if number else 0.0,
        high=high if number else 0.0,
        mean=(shift or 0.0) + mean,
        std=std,
        kurtosis=kurtosis,
        equal_rows=_equal_rows(array),
    )


def _moments(raw: Array) -> tuple[float, float, float]:
    """Mean, deviation and kurtosis from the means of the first four powers; NaN where they overflow."""
    first, second, third, fourth = map(float, raw)
    variance = second - first * first
    if not variance > 0:
        return first, 0.0 if variance == variance else math.nan, 0.0
    central = fourth - 4 * first * third + 6 * first * first * second - 3 * first**4
    return first, math.sqrt(variance), central / (variance * variance) if variance * variance > 0 else 0.0


def _equal_rows(array: Array) -> RepeatedRows:
    if array.ndim < 2 or not 1 < array.shape[0] <= MOST_ROWS or array.size <= array.shape[0]:
        return RepeatedRows()
    seen: dict[bytes, int] = {}
    repeated, whole_numbers = 0, True
    examples: list[tuple[int, int]] = []
    for at, row in enumerate(array):
        data = np.ascontiguousarray(row).tobytes()
        known = data if len(data) <= 16 else hashlib.blake2b(data, digest_size=16).digest()
        first = seen.setdefault(known, at)
        if first == at:
            continue
        values = plain(row)
        if values.min() < values.max():
            repeated += 1
            examples += [(at, first)] if len(examples) < EXAMPLES else []
            whole_numbers = whole_numbers and bool((values == np.rint(values)).all())
    return RepeatedRows(
        rows=array.shape[0], repeated=repeated, examples=examples, whole_numbers=whole_numbers and repeated > 0
    )

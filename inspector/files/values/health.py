"""What one pass over a tensor's values tells of its health, in bounded memory."""

import hashlib
import math
from collections.abc import Callable

import numpy as np

from inspector.core.table import Record
from inspector.files.values.reading import Array
from inspector.files.values.statistics import chunks, plain

FLOAT16_LARGEST = 65504.0
MOST_ROWS = 1 << 21
"""Rows beyond which equal ones are not looked for."""


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
    rows: int = 0
    """Along the first axis, where there are several axes."""
    repeated_rows: int = 0
    """Rows that equal an earlier one and are not all zero."""

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
    rows, repeated = _rows(array)
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
        rows=rows,
        repeated_rows=repeated,
    )


def _moments(raw: Array) -> tuple[float, float, float]:
    """Mean, deviation and kurtosis from the means of the first four powers; NaN where they overflow."""
    first, second, third, fourth = map(float, raw)
    variance = second - first * first
    if not variance > 0:
        return first, 0.0 if variance == variance else math.nan, 0.0
    central = fourth - 4 * first * third + 6 * first * first * second - 3 * first**4
    return first, math.sqrt(variance), central / (variance * variance) if variance * variance > 0 else 0.0


def _rows(array: Array) -> tuple[int, int]:
    if array.ndim < 2 or not 1 < array.shape[0] <= MOST_ROWS or array.size <= array.shape[0]:
        return 0, 0
    seen: set[bytes] = set()
    repeated = 0
    zero = bytes(array[0].nbytes)
    for row in array:
        data = np.ascontiguousarray(row).tobytes()
        if data == zero:
            continue
        known = data if len(data) <= 16 else hashlib.blake2b(data, digest_size=16).digest()
        repeated += known in seen
        seen.add(known)
    return array.shape[0], repeated

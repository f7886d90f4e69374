"""How the values of two tensors of one shape differ, in bounded memory."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from inspector.files.values.reading import Array
from inspector.files.values.statistics import CHUNK


class Difference(NamedTuple):
    """Over the elements that are finite in both; see `inspector.core.differences.Changed`."""

    equal: bool
    """Whether all elements are, NaN being like NaN."""
    max_abs: float | None
    relative: float | None
    cosine: float | None
    not_finite: int


def difference(pairs: Iterable[tuple[Array, Array]], tick: Callable[[int], None] = lambda done: None) -> Difference:
    """Compare arrays of one shape, pair by pair as one tensor; `tick` is told how many elements are done.

    It may raise to end it.
    """
    most = squares = squares_a = squares_b = product = 0.0
    not_finite = done = 0
    equal = True
    for first, second in (piece for pair in pairs for piece in _pieces(*pair)):
        tick(done)
        done += first.size
        one = _wide(first)
        if _same_bits(first, second):
            square = _square(one[np.isfinite(one)])
            squares_a, squares_b, product = squares_a + square, squares_b + square, product + square
            continue
        other = _wide(second)
        alike = (one == other) | (np.isnan(one) & np.isnan(other))
        equal = equal and bool(alike.all())
        finite = np.isfinite(one) & np.isfinite(other)
        not_finite += int((~finite & ~alike).sum())
        one, other = one[finite], other[finite]
        if not one.size:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            gap = one - other
            most = max(most, float(np.abs(gap).max()))
            squares, squares_a, squares_b = squares + _square(gap), squares_a + _square(one), squares_b + _square(other)
            product += float(np.real(np.vdot(one, other)))
    norms = math.sqrt(squares_a) * math.sqrt(squares_b)
    return Difference(
        equal=equal,
        max_abs=_known(most),
        relative=_known(math.sqrt(squares) / math.sqrt(squares_a)) if squares_a else None,
        cosine=_known(0.0 if equal else max(0.0, 1 - product / norms)) if norms else None,
        not_finite=not_finite,
    )


def _pieces(a: Array, b: Array) -> Iterator[tuple[Array, Array]]:
    """The elements of both in the same order, flat, at most CHUNK at a time."""
    if a.size <= CHUNK:
        yield a.reshape(-1), b.reshape(-1)
    elif a.flags.c_contiguous and b.flags.c_contiguous:
        one, other = a.reshape(-1), b.reshape(-1)
        for at in range(0, a.size, CHUNK):
            yield one[at : at + CHUNK], other[at : at + CHUNK]
    elif a.size <= CHUNK * len(a):
        rows = CHUNK * len(a) // a.size
        for at in range(0, len(a), rows):
            yield a[at : at + rows].reshape(-1), b[at : at + rows].reshape(-1)
    else:
        for first, second in zip(a, b, strict=True):
            yield from _pieces(np.asarray(first), np.asarray(second))


def _same_bits(a: Array, b: Array) -> bool:
    if a.dtype != b.dtype:
        return False
    one, other = (np.ascontiguousarray(values).view(np.uint8) for values in (a, b))
    return np.array_equal(one, other)


def _wide(values: Array) -> Array:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def _square(values: Array) -> float:
    with np.errstate(over="ignore"):
        return float(np.real(np.vdot(values, values)))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

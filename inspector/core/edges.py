"""Which input pixels each position of a tensor sees, along one axis: exact, in whole pixels.

Every operation of a convolutional network is periodic along an axis: position ``u + T`` sees what ``u`` sees, shifted
by ``S`` pixels. So the first and last pixel of one period of positions describe an axis of any length, and operations
compose without rounding, also after upsampling where the stride ``S/T`` is a fraction. Intervals may lie outside the
image: that part is padding.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, gcd, lcm

from inspector.core.record import Record

LONGEST = 1 << 14
"""Positions listed one by one at most; longer descriptions become one interval that holds them all."""
TOLD = 1 << 8
"""Positions told one by one at most."""
NOTHING = (1, 0)
"""The interval of a position that reads no pixel: a transposed convolution whose stride exceeds its kernel."""


class Edges(Record, frozen=True, kw_only=True):
    """First and last pixel seen by the positions ``0 … T − 1``; ``lo > hi`` where a position sees none."""

    lo: tuple[int, ...]
    hi: tuple[int, ...]
    shift: int
    """Pixels from one period to the next."""
    exact: bool = True
    """False: positions may see less than the interval."""
    listed: bool = False
    """Not periodic: each position is listed, and positions beyond the list see nothing."""

    @property
    def stride(self) -> Fraction:
        """Pixels from one position to the next; for listed positions in their middle half where that is one number.

        Else on average, 0 where they go back and forth.
        """
        if not self.listed:
            return Fraction(self.shift, len(self.lo))
        inner = self.lo[len(self.lo) // 4 : -(-3 * len(self.lo) // 4)]
        steps = {later - low for low, later in pairwise(inner)}
        if len(steps) == 1:
            return Fraction(steps.pop())
        seeing = [(u, low) for u, (low, high) in enumerate(zip(self.lo, self.hi, strict=True)) if low <= high]
        if len(seeing) < 2 or any(later < low for (_, low), (_, later) in pairwise(seeing)):
            return Fraction(0)
        return Fraction(seeing[-1][1] - seeing[0][1], seeing[-1][0] - seeing[0][0])

    def size(self, length: int) -> int:
        """The most pixels, holes included, that one of the first `length` positions sees."""
        if len(self.lo) == 1:
            return max(self.hi[0] - self.lo[0] + 1, 0)
        return max((high - low + 1 for low, high in self._period(length)), default=0)

    def size_inside(self, length: int, pixels: int) -> int | None:
        """As `size`, of the positions that see nothing beyond the first `pixels`; None without such a position."""
        seen = (self.at(unit) for unit in range(length))
        return max((high - low + 1 for low, high in seen if 0 <= low <= high < pixels), default=None)

    def reach(self, length: int) -> int:
        """The pixels from ``ceil(start + u·stride)`` on that hold what position `u` sees, whichever it is.

        More than `size` where positions start out of step, as behind an upsampling of what was pooled.
        """
        if len(self.lo) == 1:
            return self.size(1)
        stride, start = self.stride, self.start(length)
        return max(
            (high - ceil(start + u * stride) + 1 for u, (low, high) in enumerate(self._period(length)) if low <= high),
            default=0,
        )

    def start(self, length: int) -> Fraction:
        """The number for which ``ceil(start + u·stride)`` is the first pixel of `u`, or before it."""
        if len(self.lo) == 1 and self.lo <= self.hi:
            return Fraction(self.lo[0])
        stride = self.stride
        return min(
            (low - u * stride for u, (low, high) in enumerate(self._period(length)) if low <= high), default=Fraction(0)
        )

    def at(self, position: int) -> tuple[int, int]:
        """First and last pixel of one position, also of one beyond the axis, where padding is."""
        if self.listed:
            inside = 0 <= position < len(self.lo)
            return (self.lo[position], self.hi[position]) if inside else NOTHING
        period, unit = divmod(position, len(self.lo))
        return self.lo[unit] + period * self.shift, self.hi[unit] + period * self.shift

    def told(self, length: int) -> tuple[list[int], list[int], int]:
        """First pixels, last pixels and shift of one period of the first `length` positions; none where it is long."""
        if len(self.lo) == 1 and length:
            return [self.lo[0]], [self.hi[0]], self.shift
        period = length if self.listed else min(length, len(self.lo))
        told = [self.at(u) for u in range(period)] if period <= TOLD else []
        return [low for low, _ in told], [high for _, high in told], self.shift

    def hull(self, length: int) -> tuple[int, int]:
        """First and last pixel that any of the first `length` positions sees."""
        if self.listed or len(self.lo) >= length:
            return hull(self._period(length))
        return hull(self.at(u) for start in (0, length - len(self.lo)) for u in range(start, start + len(self.lo)))

    def _period(self, length: int) -> list[tuple[int, int]]:
        return list(zip(self.lo, self.hi, strict=True))[: max(length, 1)]


IDENTITY = Edges(lo=(0,), hi=(0,), shift=1)


def fixed(interval: tuple[int, int], exact: bool = True) -> Edges:
    """Every position sees this one interval."""
    return Edges(lo=(interval[0],), hi=(interval[1],), shift=0, exact=exact)


def bound(edges: Edges) -> Edges:
    """The same intervals, of which positions may see less."""
    return Edges(lo=edges.lo, hi=edges.hi, shift=edges.shift, exact=False, listed=edges.listed)


def window(edges: Edges, length: int, kernel: int, stride: int, padding: int, dilation: int) -> Edges:
    """Through a convolution or pooling: position ``u`` reads ``s·u − p + t·d`` for ``t < k``, ``p`` padding before."""
    if len(edges.lo) == 1 and not edges.listed and edges.shift >= 0 and edges.lo <= edges.hi:
        first, last = -padding * edges.shift, (dilation * (kernel - 1) - padding) * edges.shift
        return Edges(lo=(edges.lo[0] + first,), hi=(edges.hi[0] + last,), shift=edges.shift * stride, exact=edges.exact)
    span = range(0, dilation * (kernel - 1) + 1, dilation)
    return compose(edges, length, lambda u: [stride * u - padding + t for t in span], 1, stride)


def transposed_window(edges: Edges, length: int, kernel: int, stride: int, padding: int, dilation: int) -> Edges:
    """Through a transposed convolution: position ``i`` is written to ``i·s − p + t·d`` for ``t < k``."""

    def reads(position: int) -> list[int]:
        sources = (position + padding - t * dilation for t in range(kernel))
        return [source // stride for source in sources if source % stride == 0]

    return compose(edges, length, reads, stride, 1)


def bins(edges: Edges, length_in: int, length: int) -> Edges:
    """Through adaptive pooling: position ``u`` reads ``⌊u·Lin/Lout⌋ … ⌈(u + 1)·Lin/Lout⌉ − 1``."""
    return taken(
        edges, length_in, [range(u * length_in // length, -(-(u + 1) * length_in // length)) for u in range(length)]
    )


def taken(edges: Edges, length_in: int, reads: Sequence[Collection[int]], exact: bool = True) -> Edges:
    """Through positions of an axis of `length_in` picked by number, some for each new position.

    Evenly spaced, or from end to end in one direction as the bins of an adaptive pooling, they go on as if the axis
    did. Otherwise each is listed.
    """
    length = len(reads)
    common = gcd(length_in, length)
    periods = (
        [(length // common, length_in // common), (length, length_in)] if _from_end_to_end(reads, length_in) else []
    )
    if length > 1 and all(reads):
        periods.insert(0, (1, min(reads[1]) - min(reads[0])))
    for period, advance in periods:
        pairs = zip(reads, reads[period:], strict=False)
        if all({place + advance for place in one} == set(other) for one, other in pairs):
            return compose(edges, length, _Repeated(reads[:period], advance), period, advance, exact)
    return listing([hull(map(edges.at, one)) for one in reads], exact and edges.exact)


def _from_end_to_end(reads: Sequence[Collection[int]], length_in: int) -> bool:
    if not all(reads) or min(reads[0]) != 0 or max(reads[-1]) != length_in - 1:
        return False
    return all(min(before) <= min(after) and max(before) <= max(after) for before, after in pairwise(reads))


class _Repeated:
    """Reads of a period, and of all that follow it."""

    def __init__(self, reads: Sequence[Collection[int]], advance: int) -> None:
        self._reads, self._advance = reads, advance

    def __call__(self, position: int) -> list[int]:
        turn, unit = divmod(position, len(self._reads))
        return [place + turn * self._advance for place in self._reads[unit]]


def compose(
    edges: Edges, length: int, reads: Callable[[int], Iterable[int]], period: int, advance: int, exact: bool = True
) -> Edges:
    """Through any operation: `reads` gives the former positions that a new position reads.

    ``reads(u + period)`` is ``reads(u) + advance``; `length` is the number of new positions.
    """
    exact = exact and edges.exact
    units = length
    if not edges.listed:
        former = len(edges.lo)
        periods = former // gcd(advance, former)
        units = period * periods
    if units > LONGEST:
        return fixed(edges.hull(max((max(reads(u), default=0) for u in (0, length - 1)), default=0) + 1), exact=False)
    seen = [hull(map(edges.at, reads(u))) for u in range(units)]
    shift = 0 if edges.listed else edges.shift * advance * periods // former
    return _reduced(seen, shift, exact, edges.listed)


def union(first: Edges, second: Edges, length: int) -> Edges:
    """What either sees, position by position: two branches that meet."""
    if first == second:
        return first
    exact = first.exact and second.exact
    if first.shift == second.shift and not first.listed and not second.listed and len(first.lo) == len(second.lo) == 1:
        low, high = hull([(first.lo[0], first.hi[0]), (second.lo[0], second.hi[0])])
        return Edges(lo=(low,), hi=(high,), shift=first.shift, exact=exact)
    same_stride = first.shift * len(second.lo) == second.shift * len(first.lo)
    if same_stride and not first.listed and not second.listed:
        units = lcm(len(first.lo), len(second.lo))
        shift, listed = first.shift * (units // len(first.lo)), False
    else:
        units, shift, listed = length, 0, True
    if units > LONGEST:
        return fixed(hull((first.hull(length), second.hull(length))), exact=False)
    return _reduced([hull((first.at(u), second.at(u))) for u in range(units)], shift, exact, listed)


def listing(intervals: list[tuple[int, int]], exact: bool = True) -> Edges:
    """Positions one by one; periodic again where they turn out to be evenly spaced."""
    if len(intervals) > LONGEST:
        return fixed(hull(intervals), exact=False)
    return _reduced(intervals, 0, exact, listed=True)


def hull(intervals: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """First and last pixel of several intervals together."""
    seen = [(low, high) for low, high in intervals if low <= high]
    return (min(low for low, _ in seen), max(high for _, high in seen)) if seen else NOTHING


def _reduced(seen: list[tuple[int, int]], shift: int, exact: bool, listed: bool) -> Edges:
    if listed and len(seen) > 1:
        step = seen[1][0] - seen[0][0]
        if all(low <= high and later[0] - low == step == later[1] - high for (low, high), later in pairwise(seen)):
            seen, shift, listed = seen[:1], step, False
    units = len(seen)
    divisor = 2
    while not listed and divisor <= units:
        if units % divisor or shift % divisor or not _repeats(seen, units // divisor, shift // divisor):
            divisor += 1
        else:
            units, shift = units // divisor, shift // divisor
            seen = seen[:units]
    return Edges(
        lo=tuple(low for low, _ in seen), hi=tuple(high for _, high in seen), shift=shift, exact=exact, listed=listed
    )


def _repeats(seen: list[tuple[int, int]], units: int, shift: int) -> bool:
    return all(
        (later[0] - low == shift and later[1] - high == shift) if low <= high else later[0] > later[1]
        for (low, high), later in zip(seen, seen[units:], strict=False)
    )

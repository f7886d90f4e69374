"""Solves for the input sizes on which a model runs, from how far trial passes were off.

Along an axis, what a network makes of an input never shrinks as the input grows: convolutions, poolings, patches and
crops are monotone steps. So the sizes that give a wanted number lie side by side, and a search by halves finds them,
whatever the layers in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

MOST_TRIALS = 24
LARGEST_SIZE = 1 << 14
MOST_SHAPES = 6


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """How a pass failed at a number that depends on the input's size."""

    got: int
    wanted: int
    sizes: tuple[int, ...] = ()
    """Of the map that was flattened to `got`, if it was one: its spatial sizes; channels are the rest of `got`."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a pass."""

    works: bool
    mismatch: Mismatch | None = None


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Sizes of the open axes on which the model runs."""

    sizes: list[int]
    ranges: list[range]
    """Along each axis all sizes that do as well."""


Probe = Callable[[Sequence[int]], Trial]
"""A pass on an input with these sizes along its open axes."""


def solve_sizes(start: Sequence[int], first: Mismatch, probe: Probe, usual: Sequence[int]) -> Solution | None:
    """The sizes that bring `got` to `wanted`, the same along all axes if that can be; None where none were found.

    `first` is the mismatch at the sizes `start`. Of several sizes that do, the first of the `usual` ones is taken.
    """
    axes = range(len(start))
    wanted = first.wanted

    def got(size: int) -> int | None:
        return _got(probe([size] * len(start)), wanted)

    side = min(start)
    beginning = first.got if len(set(start)) == 1 else got(side)
    found = _sizes_reaching(got, wanted, side, beginning, len(start))
    if found is not None:
        return Solution(sizes=[_preferred(found, usual)] * len(start), ranges=[found] * len(start))
    hits: list[list[int]] = []
    for target in _targets(first):
        ranges = []
        for axis in axes:

            def length(size: int, axis: int = axis) -> int | None:
                sizes = [size if other == axis else start[other] for other in axes]
                trial = probe(sizes)
                if trial.works:
                    hits.append(sizes)
                return trial.mismatch.sizes[axis] if trial.mismatch and trial.mismatch.sizes else None

            one = _sizes_reaching(length, target[axis], start[axis], first.sizes[axis], 1)
            if hits:
                # With the other axes as they are, which is a solution too.
                return Solution(sizes=hits[0], ranges=[range(size, size + 1) for size in hits[0]])
            if one is None:
                break
            ranges.append(one)
        else:
            return Solution(sizes=[_preferred(one, usual) for one in ranges], ranges=ranges)
    return None


def _got(trial: Trial, wanted: int) -> int | None:
    if trial.works:
        return wanted
    if trial.mismatch is None:
        return None
    # A mismatch with another number lies behind this one, which is right then.
    return trial.mismatch.got if trial.mismatch.wanted == wanted else wanted


def _targets(mismatch: Mismatch) -> list[tuple[int, int]]:
    """The sides that a flattened map of two axes may have been meant to have, the squarest first."""
    if len(mismatch.sizes) != 2 or not prod(mismatch.sizes):
        return []
    area, rest = divmod(mismatch.wanted, mismatch.got // prod(mismatch.sizes))
    if rest:
        return []
    pairs = [(side, area // side) for side in range(1, area + 1) if area % side == 0]
    pairs.sort(key=lambda pair: (abs(pair[0] - pair[1]), pair))
    return list(pairs[:8])


def _sizes_reaching(
    measure: Callable[[int], int | None], wanted: int, start: int, first: int | None, power: int
) -> range | None:
    """All sizes next to each other whose measure is `wanted`; None where it jumps over that, or does not move.

    `measure` grows with the size, about as its `power`; None means that the size is too small to measure.
    """
    known: dict[int, int | None] = {start: first}

    def at(size: int) -> int | None:
        if size not in known:
            known[size] = measure(size)
        return known[size]

    def is_below(size: int) -> bool:
        value = at(size)
        return value is None or value < wanted

    low, high, size = 0, LARGEST_SIZE, start
    while at(size) != wanted:
        if len(known) > MOST_TRIALS or (len(known) == 3 and len(set(known.values())) == 1):
            return None
        low, high = (max(low, size), high) if is_below(size) else (low, min(high, size))
        if high - low <= 1:
            return None
        value = known[size]
        guess = round(size * (wanted / value) ** (1 / power)) if value else 2 * size
        # Guesses at first, halves where they do not close in.
        size = guess if low < guess < high and len(known) <= MOST_TRIALS // 3 else min((low + high) // 2, 2 * size)
        size = size if low < size < high else (low + high) // 2
    return range(_edge(at, wanted, size, low), _edge(at, wanted, size, high) + 1)


def _edge(at: Callable[[int], int | None], wanted: int, inside: int, outside: int) -> int:
    """The last size towards `outside` with the wanted measure; steps double until one is past it, then halve."""
    direction = 1 if outside > inside else -1
    step = 1
    while abs(outside - inside) > 1:
        probe = inside + direction * min(step, abs(outside - inside) // 2 or 1)
        if at(probe) == wanted:
            inside, step = probe, step * 2
        else:
            outside = probe
    return inside


def _preferred(sizes: range, usual: Sequence[int]) -> int:
    """A usual size, else the roundest: the multiple of the largest power of two."""
    for size in usual:
        if size in sizes:
            return size
    return max(sizes, key=lambda size: (size & -size, -size))

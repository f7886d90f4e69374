"""The positions that interpolation reads for a new one: its taps, as torch.nn.functional.interpolate places them."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import ceil, floor
from struct import Struct


def source_positions(
    mode: str, ratio: Fraction, centred: bool, between: bool = False
) -> Callable[[int], Iterable[int]]:
    """The positions that interpolation reads, also those that it gives no weight.

    `ratio` is input positions for each output position; `centred` aligns pixel centres, otherwise their corners do.
    Modes: "floor" (nearest), "linear" (2 taps), "cubic" (4 taps). Where a position falls right on a source, all but one
    tap weigh nothing, and still a NaN in them spreads; with `between` only what has weight counts.
    Source: torch.nn.functional.interpolate.
    """
    half = Fraction(1, 2) if centred else Fraction(0)

    def reads(position: int) -> Iterable[int]:
        source = (position + half) * ratio
        if mode == "floor":
            return (floor(source),)
        source -= half
        base = floor(source)
        if between and source == base:
            return (base,)
        return (base, base + 1) if mode == "linear" else range(base - 1, base + 3)

    return reads


def rounds_down(mode: str, ratio: Fraction, centred: bool, length: int) -> bool:
    """Whether single precision puts a position that falls right on a source before it, so that it reads one earlier.

    Torch works with ``float(ratio)``: 7 · 0.142857… may be less than 1.
    """
    if ratio.denominator & (ratio.denominator - 1) == 0 and ratio.numerator < 1 << 12:
        return False
    scale, half = single(float(ratio)), 0.5 if centred else 0.0
    first = Fraction(1, 2) if centred else Fraction(0)
    for position in range(length):
        source = (position + first) * ratio - (0 if mode == "floor" else first)
        if source.denominator == 1:
            found = single(scale * (position + half))
            if floor(found if mode == "floor" else single(found - half)) < source:
                return True
    return False


def single(value: float) -> float:
    """The nearest number of single precision."""
    rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return rounded


_SINGLE = Struct("f")


def antialiased_positions(reach: int, ratio: Fraction) -> Callable[[int], Iterable[int]]:
    """As `source_positions` with the kernel widened by the ratio; `reach` is 1 for linear, 2 for cubic."""
    support = reach * max(ratio, Fraction(1))
    half = Fraction(1, 2)

    def reads(position: int) -> Iterable[int]:
        centre = (position + half) * ratio
        return range(floor(centre - support + half), ceil(centre + support + half))

    return reads

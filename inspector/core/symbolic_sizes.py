"""Sizes as expressions of open ones, ``⌈H/2⌉``, found by asking for the sizes that numbers in their place give.

A size is first seen to change with a symbol, then by how much, then where it jumps; what is taken for its expression
has to hold for further numbers, or the size is unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from inspector.core.table import SymbolicShape

Numbers = dict[str, int]
"""A number for each symbol."""
Sizes = Mapping[str, Sequence[int]]
Measure = Callable[[Numbers], Sizes | None]
"""The sizes of every value for some numbers; None where these contradict each other."""
_STEP = 960
"""Divisible by the usual strides and their products, so that a change by it shows a slope exactly."""
_LARGEST_STRIDE = 64
_FURTHER = (37, 101, 211)


def symbolic_sizes(base: Numbers, measure: Measure) -> dict[str, SymbolicShape]:
    """Every value's sizes, in the symbols of `base`; `measure` is asked some dozens of times at most.

    A symbol without a freedom to change, because any other number contradicts something, stands as its number.
    """
    asked: dict[tuple[tuple[str, int], ...], Sizes | None] = {}

    def ask(numbers: Numbers) -> Sizes | None:
        key = tuple(sorted(numbers.items()))
        if key not in asked:
            asked[key] = measure(numbers)
        return asked[key]

    known = ask(base)
    if known is None:
        return {}
    free = [symbol for symbol in base if ask({**base, symbol: base[symbol] + _STEP}) is not None]
    tests = [_moved(base, free, _FURTHER[number:] + _FURTHER[:number]) for number in range(len(_FURTHER))]
    proofs = [(numbers, proof) for numbers in tests if (proof := ask(numbers)) is not None]
    found: dict[str, SymbolicShape] = {}
    for name, sizes in known.items():
        places = [_Place(name, dim, len(sizes), base, ask) for dim in range(len(sizes))]
        found[name] = [_expressed(place, free, proofs) for place in places]
    return found


def _moved(base: Numbers, free: Sequence[str], amounts: Sequence[int]) -> Numbers:
    """The numbers with every free symbol moved, each by another amount."""
    return {**base, **{symbol: base[symbol] + amounts[at % len(amounts)] for at, symbol in enumerate(free)}}


@dataclass(frozen=True)
class _Place:
    """One size among those of a value, to be looked at for other numbers."""

    name: str
    dim: int
    rank: int
    base: Numbers
    ask: Callable[[Numbers], Sizes | None]

    def at(self, **changed: int) -> int | None:
        """The size where these symbols have other numbers; None where there is none, or another rank."""
        sizes = self.ask({**self.base, **changed})
        return self.of(sizes) if sizes is not None else None

    def of(self, sizes: Sizes) -> int | None:
        """The size among those of every value."""
        own = sizes.get(self.name)
        return own[self.dim] if own is not None and len(own) == self.rank else None


@dataclass(frozen=True)
class _Expression:
    text: str
    value: Callable[[Numbers], Fraction | int]


def _expressed(place: _Place, free: Sequence[str], proofs: Sequence[tuple[Numbers, Sizes]]) -> int | str | None:
    here = place.at()
    if here is None:
        return None
    slopes: dict[str, Fraction] = {}
    for symbol in free:
        there = place.at(**{symbol: place.base[symbol] + _STEP})
        if there is None:
            return None
        if there != here:
            slopes[symbol] = Fraction(there - here, _STEP)
    if not slopes:
        constant = all(place.of(sizes) == here for _, sizes in proofs)
        return here if constant else None
    for candidate in (_affine(place, here, slopes), _quotient(place, here, slopes), _product(place, here, slopes)):
        if candidate and all(place.of(sizes) == candidate.value(numbers) for numbers, sizes in proofs):
            return candidate.text
    return None


def _affine(place: _Place, here: int, slopes: Mapping[str, Fraction]) -> _Expression | None:
    """``past + new``, ``2·H − 1``."""
    if any(slope.denominator > 1 for slope in slopes.values()):
        return None
    whole = {symbol: slope.numerator for symbol, slope in slopes.items()}
    rest = here - sum(slope * place.base[symbol] for symbol, slope in whole.items())
    text = ""
    for symbol, slope in whole.items():
        term = symbol if abs(slope) == 1 else f"{abs(slope)}·{symbol}"
        text = f"{text} {'−' if slope < 0 else '+'} {term}" if text else ("−" if slope < 0 else "") + term
    return _Expression(
        text + _plus(rest),
        lambda numbers: sum(slope * numbers[symbol] for symbol, slope in whole.items()) + rest,
    )


def _quotient(place: _Place, here: int, slopes: Mapping[str, Fraction]) -> _Expression | None:
    """``⌊(H + c)/b⌋``: what strides make of a size; c is seen where the size jumps."""
    ((symbol, slope), *others) = slopes.items()
    stride = slope.denominator
    if others or slope.numerator != 1 or not 1 < stride <= _LARGEST_STRIDE:
        return None
    start = place.base[symbol]
    low, high = 0, stride
    # The size is the next one from `high` on, and still `here` at `low`.
    while high - low > 1:
        middle = (low + high) // 2
        size = place.at(**{symbol: start + middle})
        if size not in (here, here + 1):
            return None
        low, high = (middle, high) if size == here else (low, middle)
    shift = stride * (here + 1) - start - high
    if shift == stride - 1:
        text = f"⌈{symbol}/{stride}⌉"
    else:
        text = f"⌊({symbol}{_plus(shift)})/{stride}⌋" if shift else f"⌊{symbol}/{stride}⌋"
    return _Expression(text, lambda numbers: (numbers[symbol] + shift) // stride)


def _product(place: _Place, here: int, slopes: Mapping[str, Fraction]) -> _Expression | None:
    """``batch·heads``, ``12·batch·steps``."""
    factor = Fraction(here, prod(place.base[symbol] for symbol in slopes) or 1)
    if len(slopes) < 2 or factor.denominator > 1:
        return None
    text = "·".join(slopes)
    return _Expression(
        text if factor == 1 else f"{factor}·{text}",
        lambda numbers: factor * prod(numbers[symbol] for symbol in slopes),
    )


def _plus(number: int) -> str:
    return "" if not number else f" {'−' if number < 0 else '+'} {abs(number)}"

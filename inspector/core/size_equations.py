"""The equation that input sizes solve, in closed form: ``16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400``.

Along an axis each window of a network makes ⌊(n + a)/s⌋ of n positions, and a chain of such steps is one step of the
same form, since ⌊(⌊(n + a)/s⌋ + b)/t⌋ = ⌊(n + a + b·s)/(s·t)⌋. All n that give one value lie side by side, and there
are s of them: so the sizes that work tell s, the first of them a, and what other sizes gave proves the equation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

EXTRA = (0, 1, 2)
"""Positions that a model adds, such as that of a class token."""


@dataclass(frozen=True)
class Step:
    """⌊(n + shift)/stride⌋ along an axis."""

    shift: int
    stride: int

    def at(self, size: int) -> int:
        """What it makes of a size."""
        return (size + self.shift) // self.stride

    def text(self, name: str) -> str:
        """As it is written: ``⌊(h − 12)/4⌋``, ``h − 4``, ``w``."""
        shifted = name if not self.shift else f"{name} {'+' if self.shift > 0 else '−'} {abs(self.shift)}"
        if self.stride == 1:
            return shifted if not self.shift else f"({shifted})"
        return f"⌊({shifted})/{self.stride}⌋" if self.shift else f"⌊{name}/{self.stride}⌋"


@dataclass(frozen=True, kw_only=True)
class Equation:
    """``factor·step(h)·step(w) + extra = wanted``."""

    factor: int
    steps: list[Step]
    extra: int
    wanted: int

    def text(self, names: list[str]) -> str:
        """With a name for each axis."""
        parts = [step.text(name) for step, name in zip(self.steps, names, strict=True)]
        if self.factor != 1:
            parts.insert(0, str(self.factor))
        elif len(parts) == 1 and not self.extra:
            parts = [parts[0].removeprefix("(").removesuffix(")") if parts[0].startswith("(") else parts[0]]
        extra = f" + {self.extra}" if self.extra else ""
        return f"{'·'.join(parts)}{extra} = {self.wanted}"


def fitted(low: int, high: int, axes: int, wanted: int, seen: Mapping[int, int]) -> Equation | None:
    """The equation whose solutions are the sizes from `low` to `high`, the same along all axes; None for none.

    `seen` are the numbers that other sizes gave. Two of them at least have to agree, and all that there are.
    """
    stride = high - low + 1
    if len(seen) < 2:
        return None
    for extra in EXTRA:
        total = wanted - extra
        for value in range(1, total + 1 if axes == 1 else isqrt(max(total, 0)) + 1):
            if total % value**axes:
                continue
            step = Step(value * stride - low, stride)
            factor = total // value**axes
            if all(factor * max(0, step.at(size)) ** axes + extra == got for size, got in seen.items()):
                return Equation(factor=factor, steps=[step] * axes, extra=extra, wanted=wanted)
    return None

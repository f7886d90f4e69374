"""All sizes on which a model runs, beside the one taken, and the equation that they solve."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inspector.core.recipe import InputSpec
from inspector.core.size_equations import fitted
from inspector.core.table import SizeRange
from inspector.engine.pytorch.inputs.repairing import Guess, numbers_of
from inspector.engine.pytorch.inputs.searching import Search
from inspector.engine.pytorch.inputs.solving import resized, usual_for
from inspector.engine.pytorch.inputs.trying import Outcome

MOST_CALLS_TO_EXPLORE = 8000
"""Of all tries together, so that a large model has fewer tries, and the same ones on every machine."""
LEAST_TRIES = 3
MOST_ALTERNATIVES = 8
MOST_USUAL = 3
"""Usual sizes to step through where any will do: each is tried."""
STEPS = (2, 4, 8, 16, 32, 64, 128)
NEIGHBOURS = (1, 2, 3, 4, 8, 16)
"""How far off sizes are tried before it is said that any will do: networks that halve a map n times and join the halves
again take the sizes near each multiple of 2ⁿ, the first few of which may all work."""
FAR = 64
"""Times the size of a sequence: tables of positions end somewhere."""
_NAMES = {1: ["t"], 2: ["h", "w"], 3: ["d", "h", "w"]}


@dataclass(frozen=True, kw_only=True)
class Solutions:
    """Of one input."""

    sizes: list[SizeRange] = field(default_factory=list)
    equation: str = ""
    words: str = ""
    reason: str = ""
    alternatives: list[list[int]] = field(default_factory=list)


def solutions_of(search: Search, found: Outcome, pinned: frozenset[str]) -> dict[str, Solutions]:
    """By the inputs' names."""
    made: dict[str, Solutions] = {}
    groups = _groups(found.guess, pinned)
    tries = min(60, MOST_CALLS_TO_EXPLORE // max(1, found.calls)) // max(1, len(groups))
    if tries < LEAST_TRIES:
        return made
    for tied, axes in groups:
        solutions = _Exploration(search, found, tied, axes, tries).solutions()
        if solutions is not None:
            made |= dict.fromkeys(tied, solutions)
    return made


def _groups(guess: Guess, pinned: frozenset[str]) -> list[tuple[list[str], list[int]]]:
    """Inputs of one shape together, each group with the axes whose size may be open."""
    groups: dict[str, list[str]] = {}
    axes: dict[str, list[int]] = {}
    for spec in guess:
        if spec.shape is None or spec.name in pinned or spec.file:
            continue
        key = f"{spec.shape} {spec.dtype}"
        open_axes = _open_axes(spec)
        if open_axes:
            groups.setdefault(key, []).append(spec.name)
            axes[key] = open_axes
    return [(tied, axes[key]) for key, tied in groups.items()]


def _open_axes(spec: InputSpec) -> list[int]:
    """Along which windows slide, or positions stand."""
    rank = len(spec.shape or [])
    if rank > 3:
        return list(range(2, rank))
    if rank == 3:
        return [2] if (spec.shape or [])[2] > (spec.shape or [])[1] else [1]
    return [1] if rank == 2 and spec.dtype.startswith("int") else []


class _Exploration:
    """Finds out which sizes along `axes` work, all axes changed together where they are of one size."""

    def __init__(self, search: Search, found: Outcome, tied: list[str], axes: list[int], tries: int) -> None:
        self._search = search
        self._found = found
        self._tied = tied
        self._tries = tries
        shape = next(spec.shape for spec in found.guess if spec.name == tied[0]) or []
        self._shape = shape
        # A volume's depth is often another size than its sides.
        self._axes = axes if len({shape[axis] for axis in axes}) == 1 else axes[-2:]
        self._square = len({shape[axis] for axis in self._axes}) == 1
        self._seen: dict[int, Outcome] = {}
        self._tried: dict[int, bool] = {}
        self._has_others = any(spec.value is None and spec.name not in tied for spec in found.guess)

    def solutions(self) -> Solutions | None:
        """What was found; None where nothing can be said."""
        if not self._square:
            return None
        size = self._shape[self._axes[0]]
        if size < 1:
            return None
        larger = self._works(2 * size)
        if larger is None:
            return None
        if not larger:
            return self._bounded(size, 2 * size)
        near = self._all_work(size + far for far in NEIGHBOURS)
        if near is None:
            return None
        if not near:
            return self._stepped(size)
        if self._is_short_of_an_end(size):
            return self._bounded(size, FAR * size)
        return self._unbounded(size)

    def _all_work(self, sizes: Iterable[int]) -> bool | None:
        """None where there are too few tries left to say."""
        for size in sizes:
            works = self._works(size)
            if not works:
                return works
        return True

    def _is_short_of_an_end(self, size: int) -> bool:
        """Whether a sequence may not be of any length; not tried where a model goes through it step by step."""
        in_one_go = self._seen[2 * size].calls <= self._found.calls
        return len(self._shape) < 4 and in_one_go and self._works(FAR * size) is False

    def _works(self, size: int) -> bool | None:
        """None where there are no tries left."""
        if size == self._shape[self._axes[0]]:
            return True
        if size < 1:
            return False
        guess = resized(self._found.guess, self._tied, dict.fromkeys(self._axes, size))
        if not self._search.knows(guess):
            if self._tries <= 0:
                return None
            self._tries -= 1
        made = self._search(guess)
        self._seen[size] = made
        self._tried[size] = made.is_sound if self._found.is_sound else made.works
        return self._tried[size]

    def _edge(self, inside: int, outside: int, unit: int = 1) -> int | None:
        """The last size that works towards `outside`, which does not; None where there were too few tries.

        All in units of `unit`.
        """
        step = 1 if outside > inside else -1
        reach = step
        while abs(outside - inside) > 1:
            probe = inside + reach
            if abs(probe - inside) >= abs(outside - inside):
                probe = (inside + outside) // 2
            works = self._works(probe * unit)
            if works is None:
                return None
            if works:
                inside, reach = probe, reach * 2
            else:
                outside, reach = probe, step
        return inside

    def _unbounded(self, size: int) -> Solutions | None:
        reason = f"{size} is a usual size" if size in self._usual_sizes() else f"{size} is an ordinary size"
        low = self._edge(size, 0)
        if low is None or not self._all_work(low + far for far in NEIGHBOURS):
            return Solutions(reason=reason, alternatives=self._usual(1, 1))
        words = f"{self._named()} of any size from {low}" if low > 1 else f"{self._named()} of any size"
        return Solutions(
            sizes=[SizeRange(axes=self._axes, low=low, high=None)],
            words=words,
            reason=reason,
            alternatives=self._usual(low, 1),
        )

    def _stepped(self, size: int) -> Solutions | None:
        for step in STEPS:
            works = self._all_work(size + times * step for times in (1, 2, 3, 5))
            if works is None:
                return None
            if works and size % step == 0:
                lowest = self._edge(size // step, 0, step)
                if lowest is None:
                    return None
                low = lowest * step
                others = any(made for other, made in self._tried.items() if other > low and other % step)
                return Solutions(
                    sizes=[SizeRange(axes=self._axes, low=low, high=None, step=step)],
                    words=f"{self._named()} a multiple of {step}, from {low}{', and some others' if others else ''}",
                    reason=f"{size} is such a multiple",
                    alternatives=self._usual(low, step),
                )
        return None

    def _bounded(self, size: int, outside: int) -> Solutions | None:
        low, high = self._edge(size, 0), self._edge(size, outside)
        if low is None or high is None:
            return None
        equation = self._equation(low, high)
        if low == high:
            if self._has_others:
                # With another input changed along with it, as maps in one ratio are, it may do.
                return None
            if len(self._axes) == 3:
                # One of three axes may not be of space.
                self._axes, self._tried = self._axes[-2:], {}
                return self.solutions()
            return Solutions(
                sizes=[SizeRange(axes=self._axes, low=low, high=high)],
                equation=equation,
                words=f"{' = '.join(self._names())} = {low} only",
                reason=f"the only {'size' if len(self._axes) == 1 else 'square'} that the model runs on",
            )
        between = _spread(range(low, high + 1)) + [size + far for far in NEIGHBOURS if size + far <= high]
        if not self._all_work(between):
            return None
        taken = "the usual size" if size in self._usual_sizes() else "the roundest size"
        return Solutions(
            sizes=[SizeRange(axes=self._axes, low=low, high=high)],
            equation=equation,
            words=f"{self._named()} from {low} to {high}",
            reason=f"{size} is {taken} among {low}…{high}",
            alternatives=self._shapes([other for other in _spread(range(low, high + 1)) if other != size]),
        )

    def _equation(self, low: int, high: int) -> str:
        """In closed form; "" where it is none, or where too little was seen to be sure."""
        numbers: dict[int, dict[int, int]] = {}
        for outcome in self._like_this():
            shape = next(spec.shape for spec in outcome.guess if spec.name == self._tied[0]) or []
            pair = next((pair for want in outcome.wants if (pair := numbers_of(want)) is not None), None)
            if pair is not None and len({shape[axis] for axis in self._axes}) == 1:
                numbers.setdefault(pair[1], {})[shape[self._axes[0]]] = pair[0]
        if not numbers:
            return ""
        wanted = max(numbers, key=lambda number: len(numbers[number]))
        equation = fitted(low, high, len(self._axes), wanted, numbers[wanted])
        return equation.text(self._names()) if equation is not None else ""

    def _like_this(self) -> list[Outcome]:
        """Failures on the same input with other sizes along the axes."""
        found = []
        for outcome in self._search.outcomes.values():
            shape = next((spec.shape for spec in outcome.guess if spec.name == self._tied[0]), None)
            if outcome.works or shape is None or len(shape) != len(self._shape):
                continue
            sizes = dict(zip(self._axes, (self._shape[axis] for axis in self._axes), strict=True))
            if resized(outcome.guess, self._tied, sizes) == self._found.guess:
                found.append(outcome)
        return found

    def _usual_sizes(self) -> Sequence[int]:
        return usual_for(self._shape, self._axes)

    def _usual(self, low: int, step: int) -> list[list[int]]:
        """Shapes of usual sizes that were tried or must do."""
        current = self._shape[self._axes[0]]
        # A recurrent layer works step by step: sequences stay short.
        most = 8 * current if len(self._axes) == 1 else max(self._usual_sizes())
        sizes = [size for size in self._usual_sizes() if low <= size <= most and size % step == 0 and size != current]
        return self._shapes([size for size in sizes[:MOST_USUAL] if self._works(size)])

    def _shapes(self, sizes: Sequence[int]) -> list[list[int]]:
        return [[size if axis in self._axes else old for axis, old in enumerate(self._shape)] for size in sizes]

    def _names(self) -> list[str]:
        return _NAMES.get(len(self._axes), ["h", "w"]) if len(self._shape) > 3 else ["t"]

    def _named(self) -> str:
        names = self._names()
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _spread(sizes: range) -> list[int]:
    """All of a few sizes; of many, the first ones and the last ones."""
    if len(sizes) <= MOST_ALTERNATIVES:
        return list(sizes)
    half = MOST_ALTERNATIVES // 2
    return [*sizes[:half], *sizes[-half:]]

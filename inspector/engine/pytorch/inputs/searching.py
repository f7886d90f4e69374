"""Searches for an input on which the model runs: the guess that came furthest is repaired next."""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from math import prod

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.repairing import Guess, numbers_of, repairs
from inspector.engine.pytorch.inputs.solving import solved_guesses
from inspector.engine.pytorch.inputs.trying import Outcome
from inspector.engine.pytorch.inputs.wants import Want

MOST_TRIES = 240
MOST_CALLS = 60_000
"""Calls of all tries together: the count and not the clock decides, so every run finds the same."""
PATIENCE = 60
"""Tries that may fail where and as others did before, one after the other; models for which an input is found in the
end needed up to 40."""
LARGE = 1 << 21
"""Elements of a guess that count as one more try."""
MOST_REPAIRS = 10
MOST_SOLVED = 10

Try = Callable[[Guess], Outcome]


class OutOfTriesError(Exception):
    """The search has gone on for long enough."""


class OutOfPatienceError(OutOfTriesError):
    """The model fails in the same few ways whatever is tried."""


@dataclass
class Search:
    """What was tried until now; calling it tries a guess, each only once."""

    attempt: Try
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    calls: int = 0
    patience: int | None = PATIENCE
    """None for any; it is refilled by whatever is new."""
    _left: int = PATIENCE
    _nearest: dict[tuple[object, ...], int] = field(default_factory=dict)
    """By how much the sizes were off at the least, by what went wrong."""

    def be_patient_for(self, patience: int | None) -> None:
        """From now on, for so many tries that tell nothing new."""
        self.patience = patience
        self._left = patience or 0

    def __call__(self, guess: Guess) -> Outcome:
        """What comes of a guess."""
        text = " ".join(map(str, guess))
        if text not in self.outcomes:
            if len(self.outcomes) >= MOST_TRIES or self.calls > MOST_CALLS:
                raise OutOfTriesError
            if self.patience is not None and self._left <= 0:
                raise OutOfPatienceError
            made = self.attempt(guess)
            self.outcomes[text] = made
            self.calls += made.calls + 10
            self._learn(made)
        return self.outcomes[text]

    def _learn(self, made: Outcome) -> None:
        """Patience is refilled by what fails otherwise than all before, or with sizes nearer to those wanted."""
        signature = made.site, made.kind, re.sub(r"\d+", "#", made.said), made.progress
        off = min((by for want in made.wants if (by := _off(want)) is not None), default=0)
        if made.works or off < self._nearest.get(signature, off + 1):
            self._nearest[signature] = off
            self._left = self.patience or 0
        else:
            elements = sum(prod(spec.shape) for spec in made.guess if spec.shape)
            self._left -= 1 + elements // LARGE

    def knows(self, guess: Guess) -> bool:
        """Whether a guess was tried."""
        return " ".join(map(str, guess)) in self.outcomes


def _off(want: Want) -> int | None:
    """By how much the sizes differ from those wanted; None where they cannot be compared."""
    if want.shape is None or len(want.shape) != len(want.got):
        return None
    return sum(abs(got - size) for got, size in zip(want.got, want.shape, strict=True) if size is not None)


@dataclass(order=True)
class _Step:
    key: tuple[int, int, int, int]
    guess: Guess = field(compare=False)
    stale: int = field(compare=False)
    solve: tuple[Outcome, Want] | None = field(compare=False, default=None)
    """Instead of a guess to try: a failure whose sizes are to be solved for."""


def find(
    search: Search,
    starts: Iterable[Guess],
    batch: int,
    pinned: frozenset[str],
    extras: list[InputSpec],
    budget: int = MOST_TRIES // 2,
) -> Outcome | None:
    """The first guess that works, from any of `starts`; None where none was found.

    `extras` are arguments that may be left out, given where None is what a call fails on. No start has more than
    `budget` tries.
    """
    order = count()
    solved: set[tuple[str, int, int | None, tuple[int, ...]]] = set()
    for start in starts:
        steps = [_Step((0, 0, 0, next(order)), start, 0)]
        left = budget
        while steps and left > 0:
            step = heapq.heappop(steps)
            if step.solve is None:
                if search.knows(step.guess):
                    continue
                left -= 1
                outcome = search(step.guess)
                if outcome.works:
                    return outcome
                stale = 0 if outcome.progress > (-step.key[0], -step.key[1]) else step.stale + 1
                if stale > 6:
                    continue
                for place, (guess, solve) in enumerate(_next(outcome, batch, pinned, extras)):
                    key = (-outcome.layers, -outcome.calls, stale + place, next(order))
                    heapq.heappush(steps, _Step(key, guess, stale, solve))
                continue
            failed, want = step.solve
            numbers = numbers_of(want)
            what = (failed.site, numbers[1] if numbers else 0, want.multiple, want.got)
            if what in solved or len(solved) >= MOST_SOLVED:
                continue
            solved.add(what)
            for guess in solved_guesses(search, failed, want, pinned):
                outcome = search(guess)
                if outcome.works:
                    return outcome
                for place, (repaired, solve) in enumerate(_next(outcome, batch, pinned, extras)):
                    key = (-outcome.layers, -outcome.calls, place, next(order))
                    heapq.heappush(steps, _Step(key, repaired, 0, solve))
    return None


def _next(
    outcome: Outcome, batch: int, pinned: frozenset[str], extras: list[InputSpec]
) -> Iterator[tuple[Guess, tuple[Outcome, Want] | None]]:
    """Repaired guesses, and failures to be solved, in the order of their wants."""
    return islice(_all_next(outcome, batch, pinned, extras), MOST_REPAIRS)


def _all_next(
    outcome: Outcome, batch: int, pinned: frozenset[str], extras: list[InputSpec]
) -> Iterator[tuple[Guess, tuple[Outcome, Want] | None]]:
    seen: set[str] = set()
    if "NoneType" in outcome.said or not outcome.guess:
        yield from ((guess, None) for guess in _instead_of_none(outcome.guess, extras, batch))
    for want in outcome.wants:
        any_repair = False
        for guess in repairs(outcome.guess, want, batch, pinned):
            text = " ".join(map(str, guess))
            any_repair = True
            if text not in seen:
                seen.add(text)
                yield guess, None
        numbers = numbers_of(want)
        if numbers is not None and (not any_repair or any(axis < 0 for one in want.origins for axis in one.axes)):
            yield outcome.guess, (outcome, want)


def _instead_of_none(guess: Guess, extras: list[InputSpec], batch: int) -> Iterator[Guess]:
    """Where None is what a call failed on: a tensor in the place of one, or one more argument."""
    for spec in guess:
        if spec.value == "None":
            tensor = InputSpec(name=spec.name, shape=[batch, 16])
            yield tuple(tensor if each.name == spec.name else each for each in guess)
    names = {spec.name for spec in guess}
    for extra in extras:
        if extra.name not in names:
            yield (*guess, extra)

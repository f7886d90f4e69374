"""Solves for sizes that stand behind a number that a call was given: it is found out which sizes move it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.solving_sizes import Mismatch, Trial, solve_sizes
from inspector.engine.pytorch.inputs.repairing import Guess, numbers_of
from inspector.engine.pytorch.inputs.trying import Outcome
from inspector.engine.pytorch.inputs.usual import GREY_SIZES, IMAGE_SIZES, SEQUENCE_LENGTHS
from inspector.engine.pytorch.inputs.wants import Want

if TYPE_CHECKING:
    from inspector.engine.pytorch.inputs.searching import Search

Places = list[tuple[str, int]]
"""Axes of inputs, each with the input's name."""


def solved_guesses(search: "Search", failed: Outcome, want: Want, pinned: frozenset[str]) -> Iterator[Guess]:
    """Guesses in which the number is the wanted one."""
    numbers = numbers_of(want)
    if numbers is None:
        return
    for tied in _groups(failed.guess, want, pinned):
        places = _moving(search, failed, want, numbers, tied)
        if not places:
            continue
        sizes = next(spec.shape for spec in failed.guess if spec.name == tied[0]) or []
        longer = resized(failed.guess, tied, {axis: sizes[axis] * 2 for axis in places})
        if search.knows(longer) and search(longer).works:
            yield longer
        solution = _solved(search, failed, want, numbers, tied, places)
        if solution is not None:
            yield solution


def _groups(guess: Guess, want: Want, pinned: frozenset[str]) -> list[list[str]]:
    """Inputs to be changed together: those of one shape, as the images of a pair; then each alone."""
    names = [origin.name for origin in want.origins if origin.name not in pinned]
    specs = {spec.name: spec for spec in guess if spec.shape}
    groups: list[list[str]] = []
    for name in names:
        if name in specs:
            alike = [
                other.name
                for other in specs.values()
                if other.shape == specs[name].shape and other.dtype == specs[name].dtype and other.name not in pinned
            ]
            groups += [alike] if len(alike) > 1 and alike not in groups else []
            groups.append([name])
    return groups


def resized(guess: Guess, tied: Sequence[str], sizes: dict[int, int]) -> Guess:
    """The guess with other sizes along some axes of the inputs in `tied`."""
    return tuple(
        replace(spec, shape=[sizes.get(axis, size) for axis, size in enumerate(spec.shape or [])])
        if spec.name in tied
        else spec
        for spec in guess
    )


def _moving(search: "Search", failed: Outcome, want: Want, numbers: tuple[int, int], tied: list[str]) -> list[int]:
    """The axes whose sizes move the number, by making each longer."""
    shape = next(spec.shape for spec in failed.guess if spec.name == tied[0]) or []
    found: list[int] = []
    for axis in (*range(1, len(shape)), 0):
        if axis == 0 and found:
            continue
        longer = search(resized(failed.guess, tied, {axis: shape[axis] * 2}))
        got = got_at(longer, failed, want)
        if longer.works or (got is not None and got != numbers[0]):
            found.append(axis)
    if not found:
        # Where one axis alone cannot change: all that are as long as each other.
        axes = list(range(2, len(shape)))
        if len(axes) > 1:
            longer = search(resized(failed.guess, tied, {axis: shape[axis] * 2 for axis in axes}))
            got = got_at(longer, failed, want)
            if longer.works or (got is not None and got != numbers[0]):
                found = axes
    return found


def got_at(outcome: Outcome, failed: Outcome, want: Want) -> int | None:
    """The number at the same place in another try; the wanted one where it came past it, None where not so far."""
    numbers = numbers_of(want)
    if want.multiple is not None:
        # What was viewed as several samples went on without a complaint.
        noticed = [other for other in outcome.wants if other.multiple == want.multiple and not other.grow]
        if noticed and (found := numbers_of(noticed[0])) is not None:
            return found[0]
    if outcome.works or (outcome.progress > failed.progress and outcome.site != failed.site):
        return numbers[1] if numbers is not None else None
    if outcome.site != failed.site or numbers is None:
        return None
    for other in outcome.wants:
        found = numbers_of(other)
        if found is not None and found[1] == numbers[1] and other.multiple == want.multiple:
            return found[0]
    return None


def _solved(
    search: "Search", failed: Outcome, want: Want, numbers: tuple[int, int], tied: list[str], axes: list[int]
) -> Guess | None:
    shape = next(spec.shape for spec in failed.guess if spec.name == tied[0]) or []
    got, wanted = numbers

    def probe(sizes: Sequence[int]) -> Trial:
        made = search(resized(failed.guess, tied, dict(zip(axes, sizes, strict=True))))
        number = got_at(made, failed, want)
        if number is None:
            return Trial(works=False)
        return Trial(works=number == wanted, mismatch=Mismatch(got=number, wanted=wanted, sizes=made.flattened))

    start = [shape[axis] for axis in axes]
    first = Mismatch(got=got, wanted=wanted, sizes=failed.flattened if len(failed.flattened) == len(axes) else ())
    solution = solve_sizes(start, first, probe, usual_for(shape, axes))
    if solution is None:
        return None
    return resized(failed.guess, tied, dict(zip(axes, solution.sizes, strict=True)))


def usual_for(shape: Sequence[int], axes: Sequence[int]) -> Sequence[int]:
    """Usual sizes along these axes."""
    if len(axes) == 1 and len(shape) < 4:
        return SEQUENCE_LENGTHS
    return GREY_SIZES if len(shape) > 3 and shape[1] == 1 else IMAGE_SIZES

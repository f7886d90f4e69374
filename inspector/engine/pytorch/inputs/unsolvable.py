"""Why no size of the input can do: an equation in whole numbers without a solution."""

from collections.abc import Sequence
from math import prod

from inspector.engine.pytorch.inputs.repairing import numbers_of
from inspector.engine.pytorch.inputs.trying import Outcome

_SIZES = {1: "t", 2: "h·w", 3: "d·h·w"}


def unsolvable(failed: Sequence[Outcome]) -> str:
    """What cannot be met where the tries that came furthest fail, as a sentence; "" where nothing is known.

    A map of c channels, made flat, is c·h·w numbers: never 393 where c is 8.
    """
    furthest = max((outcome.progress for outcome in failed), default=(0, 0))
    channels: set[int] = set()
    wanted: set[int] = set()
    axes: set[int] = set()
    for outcome in failed:
        if outcome.progress != furthest or not outcome.flattened:
            continue
        want, (got, size) = next((want, pair) for want in outcome.wants if (pair := numbers_of(want)) is not None)
        if want.multiple is not None:
            return ""
        channels.add(got // prod(outcome.flattened))
        wanted.add(size)
        axes.add(len(outcome.flattened))
    # All have to tell the same: the channels come from the layers, not from the input.
    if len(channels) != 1 or len(wanted) != 1 or len(axes) != 1 or axes - set(_SIZES):
        return ""
    each, total = channels.pop(), wanted.pop()
    if total % each == 0:
        return ""
    name = _SIZES[axes.pop()]
    return f"no size can do: {each}·{name} = {total} has no solution in whole numbers"

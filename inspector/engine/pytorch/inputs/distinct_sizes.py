"""Lengths of sequences that are no other size of the model: between two axes of one size, a mix-up goes unseen."""

from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.repairing import Guess
from inspector.engine.pytorch.inputs.searching import Search
from inspector.engine.pytorch.inputs.trying import Outcome

MOST_SAMPLES = 4
"""A longer first axis is not taken for that of the samples."""
MOST_TRIES_FOR_A_SIZE = 2


def with_distinct_sizes(model: nn.Module, search: Search, found: Outcome, pinned: frozenset[str]) -> Outcome:
    """The input with other sizes where those are the model's by accident, and it runs as well with others."""
    known = {size for one in model.parameters() if not is_lazy(one) for size in one.shape}
    places = {place: None for spec in found.guess if spec.name not in pinned for place in _places_of(spec, known)}
    for axis, size in places:
        for other in islice(_others(size, known), MOST_TRIES_FOR_A_SIZE):
            outcome = search(_changed(found.guess, axis, size, other, pinned))
            if outcome.works and len(outcome.wants) <= len(found.wants):
                found = outcome
                break
    return found


def _places_of(spec: InputSpec, known: set[int]) -> Iterator[tuple[int, int]]:
    """The axes that a sequence may lie along and whose size is a known one, with that size."""
    shape = spec.shape or []
    if spec.file or not (len(shape) == 3 or (len(shape) == 2 and spec.dtype.startswith("int"))):
        return
    for axis, size in enumerate(shape):
        if size > MOST_SAMPLES and size in known:
            yield axis, size


def _others(size: int, known: set[int]) -> Iterator[int]:
    """Sizes near to it, round ones first."""
    near = (size // 2, 2 * size, 3 * size // 2, *range(size + 1, 2 * size))
    yield from (other for other in near if other > MOST_SAMPLES and other not in known)


def _changed(guess: Guess, axis: int, size: int, other: int, pinned: frozenset[str]) -> Guess:
    """All inputs that are as long along the axis, for they go together."""
    return tuple(
        replace(spec, shape=[*spec.shape[:axis], other, *spec.shape[axis + 1 :]])
        if spec.shape is not None and spec.name not in pinned and spec.shape[axis : axis + 1] == [size]
        else spec
        for spec in guess
    )

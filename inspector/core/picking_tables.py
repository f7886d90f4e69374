"""Tables of positions that were picked one by one: carried through operations, joined, masked, and told at the end.

Any operation's step on an axis says for each new position which former ones it reads. Tried on the table's own places,
where each position stands for itself, it says the same of the table; so tables need no rules of their own.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import prod

from msgspec import structs

from inspector.core.edges import IDENTITY, LONGEST, fixed, hull, taken
from inspector.core.record import Record
from inspector.core.sights import Picked, Place, Seen, Sight, Whole


class Part(Record, frozen=True, kw_only=True):
    """What becomes of one place of a table: the indices of it that new positions read."""

    places: tuple[Place, ...] = ()
    reads: Sequence[frozenset[int]]
    via: str = ""
    """The path of the operation that reads all of them."""


def picked(seen: Seen, places: Sequence[Place], reads: Iterable[Iterable[int]], via: str) -> Picked:
    """The positions of an axis that each entry of a table reads; `seen` has one for each index of its dimension."""
    return _trimmed(Picked(axis=seen, places=tuple(places), reads=tuple(map(frozenset, reads)), via=via))


def through(table: Picked, step: Callable[[Seen], Sight]) -> Sight:
    """What one operation makes of a table: `step` tells it of an axis that is seen position by position.

    Windows that slide over what was picked are told of the axis that remains.
    """
    if not table.places:
        return table
    parts = [part for place in table.places if (part := _part(place, step)) is not None]
    composed = _composed(table, parts) if len(parts) == len(table.places) else None
    if composed is not None:
        return composed
    remaining = settled(table)
    return step(remaining) if isinstance(remaining, Seen) else remaining


def joined(first: Picked, second: Picked, via: str) -> Picked | None:
    """What either reads, entry by entry; None where they pick from different axes, or the table becomes too long."""
    if first.axis.edges != second.axis.edges or first.axis.length != second.axis.length:
        return None
    places = _common([*first.places, *second.places])
    if places is None:
        return None
    pairs = zip(_cells(places, first.places), _cells(places, second.places), strict=True)
    reads = tuple(first.reads[one] | second.reads[other] for one, other in pairs)
    axis = structs.replace(first.axis, cropped=first.axis.cropped or second.axis.cropped)
    exact = first.exact and second.exact
    return _trimmed(Picked(axis=axis, places=places, reads=reads, exact=exact, via=via))


def masked(table: Picked, over: Sequence[Place], kept: Sequence[bool]) -> Picked:
    """The entries that a mask lets through; the others read nothing. `kept` has one flag for each entry of `over`."""
    places = _common([*table.places, *over])
    if places is None:
        return structs.replace(table, exact=False)
    pairs = zip(_cells(places, table.places), _cells(places, over), strict=True)
    reads = tuple(table.reads[cell] if kept[flag] else frozenset[int]() for cell, flag in pairs)
    return _trimmed(structs.replace(table, places=places, reads=reads))


def settled(sight: Sight) -> Sight:
    """A table as what its axis is seen like in the end, along the one place that tells most; others as they are.

    Along one of several places a position sees at most what the others pick beside it: a bound, unless the others are
    channels, which lie along dimension 1 before those of an image and of which a unit has all.
    """
    if not isinstance(sight, Picked):
        return sight
    axis, exact = sight.axis, sight.exact and sight.axis.edges.exact
    reached = frozenset[int]().union(*sight.reads)
    cropped = axis.cropped or len(reached) < axis.length
    if not sight.places:
        if not cropped and axis.length > 1:
            return Whole(via=sight.via)
        interval = hull(axis.edges.at(position) for position in reached)
        return Seen(edges=fixed(interval, exact), dim=None, length=1, cropped=True)
    told = _whole(sight.places)
    choices = [(place, _along(sight, place)) for place in told]
    place, reads = min(choices, key=lambda choice: sum(max(one) - min(one) for one in choice[1] if one))
    channels = all(one == place or one.dim == 1 < place.dim for one in told)
    edges = taken(axis.edges, axis.length, reads, exact and channels)
    return Seen(edges=edges, dim=place.dim, inner=place.inner, length=place.length, cropped=cropped)


def _part(place: Place, step: Callable[[Seen], Sight]) -> Part | None:
    """What an operation makes of one place; None where a new position reads several of its indices, but not all."""
    size = place.length
    found = step(Seen(edges=IDENTITY, dim=place.dim, inner=place.inner, length=size))
    if isinstance(found, Picked):
        indices = [_indices(found.axis.edges.at(position), size) for position in range(found.axis.length)]
        if not all(indices):
            return None
        reads = [frozenset[int]().union(*(indices[position] for position in one)) for one in found.reads]
        return Part(places=found.places, reads=reads)
    if isinstance(found, Whole) and found.local is None:
        return Part(reads=[frozenset(range(size))], via=found.via)
    if not isinstance(found, Seen):
        return None
    reads = [_indices(found.edges.at(unit), size) for unit in range(found.length)]
    own = () if found.dim is None else (Place(dim=found.dim, inner=found.inner, length=found.length),)
    return Part(places=own, reads=reads) if all(reads) else None


def _indices(interval: tuple[int, int], size: int) -> frozenset[int]:
    """The one index that is read, or all of them; none where it is some of them, or padding."""
    low, high = interval
    single = low == high and 0 <= low < size
    return frozenset(range(low, high + 1)) if single or (low, high) == (0, size - 1) else frozenset()


def _composed(table: Picked, parts: Sequence[Part]) -> Picked | None:
    """The entries of a table whose indices are those that the parts name, place by place; None where it is too long."""
    places = _common([place for part in parts for place in part.places])
    if places is None:
        return None
    named: list[tuple[int, ...]] = [(0,)] * _entries(places)
    for part, stride in zip(parts, _strides(table.places), strict=True):
        steps = [tuple(index * stride for index in one) for one in part.reads]
        chosen = (steps[cell] for cell in _cells(places, part.places))
        named = [_sums(before, more) for before, more in zip(named, chosen, strict=True)]
    reads = (frozenset[int]().union(*(table.reads[at] for at in one)) for one in named)
    via = next((part.via for part in parts if part.via), table.via)
    return _trimmed(structs.replace(table, places=places, reads=tuple(reads), via=via))


def _sums(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Of each number with each; most are single ones."""
    if len(first) == len(second) == 1:
        return (first[0] + second[0],)
    return tuple(one + other for one in first for other in second)


def _trimmed(table: Picked) -> Picked:
    """Without the places that make no difference."""
    for place in table.places:
        left = tuple(one for one in table.places if one != place)
        stride = _strides(table.places)[table.places.index(place)]
        reads = table.reads
        if all(reads[at] == reads[at - at // stride % place.length * stride] for at in range(len(reads))):
            kept = (reads[at] for at in range(len(reads)) if at // stride % place.length == 0)
            return _trimmed(structs.replace(table, places=left, reads=tuple(kept)))
    return table


def _along(table: Picked, place: Place) -> list[frozenset[int]]:
    """For each index of one place all that the others pick beside it."""
    reads = [set[int]() for _ in range(place.length)]
    for cell, one in zip(_cells(table.places, (place,)), table.reads, strict=True):
        reads[cell] |= one
    return [frozenset(one) for one in reads]


def _common(places: Iterable[Place]) -> tuple[Place, ...] | None:
    """Places that tell apart whatever these do: of one dimension each the digits of its index between their ends.

    None where ends do not divide each other, or there are too many entries.
    """
    found: list[Place] = []
    by_dim: dict[int, list[Place]] = {}
    for place in places:
        by_dim.setdefault(place.dim, []).append(place)
    for dim, own in sorted(by_dim.items()):
        ends = sorted({end for place in own for end in (place.inner, place.inner * place.length)}, reverse=True)
        for high, low in pairwise(ends):
            if high % low:
                return None
            digit = Place(dim=dim, inner=low, length=high // low)
            found += [digit] if any(_holds(place, digit) for place in own) else []
    return tuple(found) if _entries(found) <= LONGEST else None


def _holds(place: Place, digit: Place) -> bool:
    return place.dim == digit.dim and place.inner <= digit.inner < place.inner * place.length


def _whole(places: Sequence[Place]) -> list[Place]:
    """Digits of one index that follow each other as one place."""
    found: list[Place] = []
    for place in places:
        before = found[-1] if found else None
        if before is not None and before.dim == place.dim and before.inner == place.inner * place.length:
            found[-1] = Place(dim=place.dim, inner=place.inner, length=before.length * place.length)
        else:
            found.append(place)
    return found


def _entries(places: Sequence[Place]) -> int:
    return prod(place.length for place in places)


def _strides(places: Sequence[Place]) -> list[int]:
    """How far apart in a table two entries are whose index of a place differs by one."""
    return [_entries(places[at + 1 :]) for at in range(len(places))]


def _cells(places: Sequence[Place], own: Sequence[Place]) -> list[int]:
    """For each entry of a table over `places` the one of a table over `own`, which these are digits of."""
    strides = _strides(own)
    cells = [0]
    for digit in places:
        pairs = zip(own, strides, strict=True)
        step = next((stride * (digit.inner // place.inner) for place, stride in pairs if _holds(place, digit)), 0)
        cells = [cell + index * step for cell in cells for index in range(digit.length)]
    return cells

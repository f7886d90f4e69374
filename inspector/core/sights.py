"""How a tensor sees one axis of an input: position by position, from end to end, as a table, or nobody knows."""

from inspector.core.edges import Edges, compose, fixed, listing
from inspector.core.record import Record


class Seen(Record, frozen=True, kw_only=True):
    """An input axis seen position by position along one dimension of the tensor.

    The position along the axis is ``index // inner % length`` for an index of the dimension: a flattened dimension
    holds several axes, each with its own `inner`, and none of them is mixed yet.
    """

    edges: Edges
    dim: int | None
    """None: the tensor has no dimension along this axis, all of it sees one interval."""
    length: int
    inner: int = 1
    cropped: bool = False
    """Positions were left out, so that all of them together need not be the whole axis."""


class Whole(Record, frozen=True, kw_only=True):
    """An input axis seen from end to end."""

    via: str
    """The path of the module whose operation mixed it."""
    local: Seen | None = None
    """What is seen were it not for that operation: a norm or a gate beside the layers' own windows."""
    wraps: bool = False
    """Only positions near the border see both ends, since padding wraps round; the others see what `local` says."""


class Unknown(Record, frozen=True, kw_only=True):
    """An input axis that went through an operation without a rule."""

    operation: str


class Place(Record, frozen=True, kw_only=True):
    """Where a tensor tells positions apart: by ``index // inner % length`` of a dimension's index."""

    dim: int
    length: int
    inner: int = 1


class Picked(Record, frozen=True, kw_only=True):
    """Positions of an input axis picked one by one, where several dimensions may say together which: a table.

    The start of a window and the place in it are two such dimensions. What a table holds stays numbers of positions
    for as long as they are only rearranged, chosen from or added up.
    """

    axis: Seen
    """What the positions saw before they were picked; one position for each index of its dimension."""
    places: tuple[Place, ...]
    """What the table is indexed by; none where all of the tensor reads the same."""
    reads: tuple[frozenset[int], ...]
    """The positions read by each entry, the last place running fastest; none where the entry holds a constant."""
    exact: bool = True
    """False: an entry may read less."""
    via: str = ""
    """The path of the last operation that picked or joined positions."""


Sight = Seen | Whole | Unknown | Picked


def local_of(sight: Sight) -> Seen | None:
    """What is seen position by position, where it is told apart from what an operation on the whole axis adds."""
    if isinstance(sight, Whole):
        return sight.local
    return sight if isinstance(sight, Seen) else None


def plain(seen: Seen, size: int) -> Seen:
    """The same axis with one position for each of the `size` indices of its dimension, whatever was folded into it."""
    if seen.dim is None or (seen.inner == 1 and seen.length == size):
        return seen
    if seen.inner * seen.length == size:
        edges = compose(seen.edges, size, lambda u: (u // seen.inner,), seen.inner, 1)
    else:
        edges = listing([seen.edges.at(index // seen.inner % seen.length) for index in range(size)], seen.edges.exact)
    return Seen(edges=edges, dim=seen.dim, length=size, cropped=seen.cropped)


def mixed(seen: Seen, via: str) -> Sight:
    """Every output position reads all positions of the axis, and the dimension is gone: a sum, a matrix product."""
    if seen.dim is None:
        return seen
    if seen.length == 1 or seen.cropped:
        return Seen(edges=fixed(seen.edges.hull(seen.length), seen.edges.exact), dim=None, length=1, cropped=True)
    return Whole(via=via)


def mixed_in_place(seen: Seen, via: str) -> Sight:
    """Every output position reads all positions of the axis and stays where it is: a norm, a softmax."""
    total = mixed(seen, via)
    if isinstance(total, Whole):
        return Whole(via=via, local=seen)
    if isinstance(total, Seen) and seen.dim is not None and seen.length > 1:
        return Seen(edges=total.edges, dim=seen.dim, length=seen.length, inner=seen.inner, cropped=True)
    return seen

"""Operations that take positions named one by one, or write to them."""

from collections.abc import Mapping, Sequence
from typing import cast

from inspector.core.edges import fixed, hull, listing
from inspector.core.field_rules.pointwise import placed
from inspector.core.field_rules.registry import Fields, rule
from inspector.core.fields import OpCall, Seen, Sight, Unknown, merged, plain, unknown

Taken = tuple[int | None, Sequence[Sequence[int]]]
"""The output dimension that tells the positions apart, and for each of its indices those that are read."""


@rule("take")
def taking(call: OpCall) -> Fields:
    """Positions by number: "taken" has a `Taken` for each input dimension read so, "kept" where the others went.

    Where several output dimensions name the positions together, along the one chosen a position sees at most all of
    those that the others name beside it.
    """
    shape, field = call.inputs[0]
    taken = cast(Mapping[int, Taken], call.settings["taken"])
    kept = cast(Mapping[int, int], call.settings["kept"])

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim not in taken:
            return seen if seen.dim is None else placed(seen, kept[seen.dim])
        dim, positions = taken[seen.dim]
        size = shape[seen.dim]
        edges = plain(seen, size).edges
        read = [{place % size for place in places} for places in positions]
        exact = edges.exact and all(len(places) == 1 for places in read)
        cropped = seen.cropped or len(set().union(*read)) < size
        intervals = [hull(edges.at(place) for place in places) for places in read]
        if dim is None:
            return Seen(edges=fixed(hull(intervals), exact), dim=None, length=1, cropped=cropped)
        return Seen(edges=listing(intervals, exact), dim=dim, length=len(intervals), cropped=cropped)

    return [field.each(step) if field else None] * len(call.output_shapes)


@rule("scatter")
def scattering(call: OpCall) -> Fields:
    """The third input written into a copy of the first where the second one says.

    "kept": where the dimensions of what is written go. Along the others only the indices tell: unknown.
    """
    (_, field), (_, index), (_, value) = call.inputs
    kept = cast(Mapping[int, int], call.settings["kept"])
    name = str(call.settings.get("name", "scatter"))

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        return placed(seen, kept[seen.dim]) if seen.dim in kept else Unknown(operation=name)

    written = value.each(step) if value else None
    return [merged([field, written, unknown((index,), name)], call.path)]

"""Operations that take positions named one by one, or write to them."""

from collections.abc import Mapping, Sequence
from typing import cast

from inspector.core.field_rules.pointwise import broadcast, placed
from inspector.core.field_rules.registry import Fields, rule
from inspector.core.fields import Field, OpCall, merged, unknown
from inspector.core.picking_tables import masked, picked
from inspector.core.record import Record
from inspector.core.sights import Picked, Place, Seen, Sight, Unknown, plain


class Table(Record, frozen=True, kw_only=True):
    """Numbers that some dimensions of an output tell apart, the last of them running fastest."""

    dims: Sequence[int]
    sizes: Sequence[int]
    numbers: Sequence[int]

    @property
    def places(self) -> list[Place]:
        """What the numbers are indexed by."""
        return [Place(dim=dim, length=size) for dim, size in zip(self.dims, self.sizes, strict=True)]


@rule("take")
def taking(call: OpCall) -> Fields:
    """Positions by number: "taken" has a `Table` for each input dimension read so, "kept" where the others went."""
    shape, field = call.inputs[0]
    taken = cast(Mapping[int, Table], call.settings["taken"])
    kept = cast(Mapping[int, int], call.settings["kept"])

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim not in taken:
            return seen if seen.dim is None else placed(seen, kept[seen.dim])
        table, size = taken[seen.dim], shape[seen.dim]
        return picked(plain(seen, size), table.places, ((number % size,) for number in table.numbers), call.path)

    return [field.each(step) if field else None] * len(call.output_shapes)


@rule("where")
def choice(call: OpCall) -> Fields:
    """The first input where the constant "mask", a `Table`, is not 0, else the second: what a mask hides is not seen.

    An axis that is seen position by position stays as it is: those positions that the mask lets through see as much.
    """
    mask = cast(Table, call.settings["mask"])
    chosen = []
    for (shape, field), open_where in zip(call.inputs, (True, False), strict=True):
        flags = [bool(number) is open_where for number in mask.numbers]
        if field is not None and any(flags):
            chosen.append(_masked(broadcast(field, shape, call.output_shapes[0]), mask.places, flags))
    return [merged(chosen, call.path)]


def _masked(field: Field | None, over: Sequence[Place], flags: Sequence[bool]) -> Field | None:
    if field is None:
        return None
    axes = {
        axis: masked(sight, over, flags) if isinstance(sight, Picked) else sight for axis, sight in field.axes.items()
    }
    return Field(axes=axes, misaligned=field.misaligned)


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

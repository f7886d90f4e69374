"""Which rows of a model that is on several devices now get inputs from another device than their own."""

import msgspec
from torch import nn

from inspector.core.table import Row
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.device_pass import Placement, follow
from inspector.engine.pytorch.inputs.arguments import device_of_inputs
from inspector.engine.pytorch.memory_rows import PassRows
from inspector.engine.pytorch.places import holdings_of, own_tensors, places_of


def with_crossings(model: nn.Module, arguments: Arguments, static: list[Row], rows: list[Row], seed: int) -> list[Row]:
    """The rows with what would cross if inputs were moved to each module, as accelerate's hooks do.

    `static` are the rows before any pass. The pass is on stand-ins: nothing is moved, and no device is asked for room.
    """
    places = places_of(model)
    owners = {place.path: own_tensors(place.module) for place in places}
    devices = {path: str(own[0][2].device) for path, own in owners.items() if own}
    on = {holding.key: str(holding.tensor.device) for holding in holdings_of(places)}
    found = follow(model, arguments, Placement(device_of_inputs(model), devices.get, on.__getitem__), seed)
    called = PassRows(static, rows, found.root)
    sizes, origins = (
        called.told(lambda call: found.sizes.get(id(call))),
        called.told(lambda call: found.origins.get(id(call))),
    )
    return [
        msgspec.structs.replace(row, crossing_bytes=size, crossing_from=origin or [])
        for row, size, origin in zip(rows, sizes, origins, strict=True)
    ]

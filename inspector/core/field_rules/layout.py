"""Operations that rearrange dimensions and keep every element: permute, view and what amounts to them, repeat."""

from math import prod
from typing import cast

from inspector.core.edges import bound, compose, fixed, listing, window
from inspector.core.field_rules.pointwise import placed
from inspector.core.field_rules.registry import Fields, integers, rule
from inspector.core.fields import OpCall, Seen, Shape, Sight, Unknown, plain


@rule("permute")
def permutation(call: OpCall) -> Fields:
    """Dimensions in the order of the setting "dims": output dimension ``i`` is input dimension ``dims[i]``."""
    shape, field = call.inputs[0]
    order = [dim % len(shape) for dim in integers(call, "dims")]

    def step(seen: Seen) -> Sight:
        return seen if seen.dim is None else placed(seen, order.index(seen.dim))

    return [field.each(step) if field else None]


@rule("view")
def view(call: OpCall) -> Fields:
    """Elements in the same order under another shape: reshape, flatten, unflatten, squeeze, unsqueeze."""
    shape, field = call.inputs[0]
    output = call.output_shapes[0]
    name = str(call.settings.get("name", "view"))
    return [field.each(lambda seen: _viewed(seen, shape, output, name)) if field else None]


def _viewed(seen: Seen, shape: Shape, output: Shape, name: str) -> Sight:
    if seen.dim is None or shape == output:
        return seen
    if seen.length == 1 or shape[seen.dim] == 1:
        return Seen(edges=fixed(seen.edges.at(0), seen.edges.exact), dim=None, length=1, cropped=seen.cropped)
    # In row-major order the position along the axis is flat // factor % length.
    factor = seen.inner * prod(shape[seen.dim + 1 :])
    span = factor * seen.length
    for dim, size in enumerate(output):
        stride = prod(output[dim + 1 :])
        if not stride < span <= stride * size or stride * size % span:
            continue
        if factor % stride == 0:
            return Seen(edges=seen.edges, dim=dim, length=seen.length, inner=factor // stride, cropped=seen.cropped)
        if stride % factor == 0 and seen.length % (stride // factor) == 0:
            return _split(seen, dim, stride // factor)
    if (seen.inner, seen.length) != (1, shape[seen.dim]):
        return _viewed(plain(seen, shape[seen.dim]), shape, output, name)
    return Unknown(operation=name)


def _split(seen: Seen, dim: int, block: int) -> Seen:
    """The axis is cut into blocks over two dimensions: along the outer one a position sees at most its block."""
    length = seen.length // block
    edges = window(seen.edges, length, block, block, 0, 1)
    return Seen(edges=bound(edges), dim=dim, length=length, cropped=seen.cropped)


@rule("repeat")
def repetition(call: OpCall) -> Fields:
    """Copies side by side; "repeats" for each output dimension, aligned at the last. With "each" element by element."""
    shape, field = call.inputs[0]
    output = call.output_shapes[0]
    offset = len(output) - len(shape)
    each = cast(bool, call.settings.get("each", False))

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        size = output[seen.dim + offset]
        inner = seen.inner * (size // shape[seen.dim]) if each else seen.inner
        moved = Seen(edges=seen.edges, dim=seen.dim + offset, length=seen.length, inner=inner, cropped=seen.cropped)
        return moved if size == shape[seen.dim] else plain(moved, size)

    return [field.each(step) if field else None]


@rule("flip")
def flipping(call: OpCall) -> Fields:
    """The dimensions of the setting "dims" back to front."""
    shape, field = call.inputs[0]
    dims = {dim % len(shape) for dim in integers(call, "dims")}

    def step(seen: Seen) -> Sight:
        if seen.dim not in dims or seen.dim is None:
            return seen
        size = shape[seen.dim]
        edges = compose(plain(seen, size).edges, size, lambda u: (size - 1 - u,), 1, -1)
        return Seen(edges=edges, dim=seen.dim, length=size, cropped=seen.cropped)

    return [field.each(step) if field else None]


@rule("roll")
def rolling(call: OpCall) -> Fields:
    """Positions moved on by "shifts" along "dims", those that fall off coming back at the start."""
    shape, field = call.inputs[0]
    shifts = {
        dim % len(shape): shift for dim, shift in zip(integers(call, "dims"), integers(call, "shifts"), strict=True)
    }
    name = "roll of the flattened tensor"

    def step(seen: Seen) -> Sight:
        if not shifts:
            return Unknown(operation=name)
        if seen.dim is None or seen.dim not in shifts:
            return seen
        size, shift = shape[seen.dim], shifts[seen.dim]
        edges = plain(seen, size).edges
        rolled = listing([edges.at((u - shift) % size) for u in range(size)], edges.exact)
        return Seen(edges=rolled, dim=seen.dim, length=size, cropped=seen.cropped)

    return [field.each(step) if field else None]

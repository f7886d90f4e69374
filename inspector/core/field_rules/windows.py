"""Operations whose output positions read a window: convolutions, poolings, and those turned round."""

from collections.abc import Callable, Iterable
from math import gcd, prod

from inspector.core.edges import Edges, bins, bound, compose, fixed, transposed_window, window
from inspector.core.field_rules.registry import Fields, integer, integers, rule
from inspector.core.fields import Field, OpCall
from inspector.core.picking_tables import picked
from inspector.core.sights import Place, Seen, Sight, Unknown, mixed, plain

AlongAxis = Callable[[Edges, int, int], Edges]
"""(edges, number of the windowed axis, output length) to edges."""


@rule("conv", sliding=True)
def convolution(call: OpCall) -> Fields:
    """Position ``u`` reads ``s·u − p … s·u − p + d·(k − 1)``; channels mix."""
    return _along(call, _window(call), mixes_channels=True)


@rule("pool", sliding=True)
def pooling(call: OpCall) -> Fields:
    """As a convolution, channel by channel. `ceil_mode` only adds positions at the far end."""
    return _along(call, _window(call))


@rule("conv_transpose", sliding=True)
def transposed_convolution(call: OpCall) -> Fields:
    """Position ``i`` is written to ``s·i − p + d·t``; output_padding only adds positions at the far end."""
    return _along(call, _transposed(call), mixes_channels=True)


@rule("max_unpool", sliding=True)
def max_unpooling(call: OpCall) -> Fields:
    """Each value goes where the indices say in its pooling window: at most what all of the window could get.

    The indices count as computed from the same positions as the values, as those of a max pooling are.
    """
    along = _transposed(call)
    return _along(call, lambda edges, axis, length: bound(along(edges, axis, length)))


@rule("fractional_pool", sliding=True)
def fractional_pooling(call: OpCall) -> Fields:
    """Window ``u`` starts at ``⌊u·α⌋`` or ``⌈u·α⌉``, ``α = (Lin − k)/(Lout − 1)``, at random: the bound holds both.

    Source: Graham, Fractional Max-Pooling, 2014; ATen/native/FractionalMaxPooling.h.
    """
    kernel = integers(call, "kernel")
    sizes = call.inputs[0][0][-len(kernel) :]

    def along(edges: Edges, axis: int, length: int) -> Edges:
        span, steps = sizes[axis] - kernel[axis], length - 1
        if steps == 0:
            return compose(edges, length, lambda u: range(span, sizes[axis]), 1, 0, exact=False)
        common = gcd(span, steps)
        return compose(
            edges,
            length,
            lambda u: range(u * span // steps, -(-u * span // steps) + kernel[axis]),
            steps // common,
            span // common,
            exact=False,
        )

    return _along(call, along)


@rule("adaptive_pool", sliding=True)
def adaptive_pooling(call: OpCall) -> Fields:
    """Bins ``⌊u·Lin/Lout⌋ … ⌈(u + 1)·Lin/Lout⌉ − 1``, uneven unless Lout divides Lin; one bin is the whole axis."""
    rank = len(call.inputs[0][0])
    axes = integer(call, "axes", rank - 2)
    size_in, size_out = call.inputs[0][0], call.output_shapes[0]

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < rank - axes:
            return seen
        length = size_out[seen.dim]
        if length == 1:
            return mixed(seen, call.path)
        if size_in[seen.dim] == length:
            return seen
        seen = plain(seen, size_in[seen.dim])
        if seen.length == 1:
            return Seen(edges=fixed(seen.edges.at(0), seen.edges.exact), dim=None, length=1, cropped=seen.cropped)
        return Seen(edges=bins(seen.edges, seen.length, length), dim=seen.dim, length=length, cropped=seen.cropped)

    field = call.inputs[0][1]
    return [field.each(step) if field else None] * len(call.output_shapes)


@rule("unfold", sliding=True)
def unfolding(call: OpCall) -> Fields:
    """Windows become columns: (B, C, H, W) to (B, C·kH·kW, L), the window's position folded into the last dimension."""
    blocks, along = integers(call, "blocks"), _window(call)
    rank = len(call.inputs[0][0])
    first = rank - len(blocks)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < first - 1:
            return seen
        if seen.dim == first - 1:
            return mixed(seen, call.path)
        axis = seen.dim - first
        inner = prod(blocks[axis + 1 :])
        edges = along(plain(seen, call.inputs[0][0][seen.dim]).edges, axis, blocks[axis])
        return Seen(edges=edges, dim=first, length=blocks[axis], inner=inner, cropped=True)

    field = call.inputs[0][1]
    return [field.each(step) if field else None]


@rule("fold")
def folding(call: OpCall) -> Fields:
    """Columns become windows that add up: "blocks" many along each axis, laid out as by "unfold".

    A bound: columns that were not mixed since "unfold" put each pixel back where it was.
    """
    blocks, along = integers(call, "blocks"), _transposed(call)
    shape, field = call.inputs[0]
    last, first = len(shape) - 1, len(call.output_shapes[0]) - len(blocks)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < last - 1:
            return seen
        if seen.dim == last - 1:
            return mixed(seen, call.path)
        for axis, length in enumerate(blocks):
            if (seen.inner, seen.length) == (prod(blocks[axis + 1 :]), length):
                size = call.output_shapes[0][first + axis]
                return Seen(
                    edges=bound(along(seen.edges, axis, size)), dim=first + axis, length=size, cropped=seen.cropped
                )
        return Unknown(operation="fold of rearranged columns")

    return [_each(field, step)]


@rule("windows_of")
def windows_along(call: OpCall) -> Fields:
    """``x.unfold(dim, size, step)``: windows along "dim", the position within them becoming the last dimension."""
    shape, field = call.inputs[0]
    dim, size, step = (integer(call, name) for name in ("dim", "size", "step"))
    dim %= len(shape)
    windows = call.output_shapes[0][dim]
    places = [Place(dim=dim, length=windows), Place(dim=len(shape), length=size)]
    reads = [(window * step + place,) for window in range(windows) for place in range(size)]

    def through(seen: Seen) -> Sight:
        return picked(plain(seen, shape[dim]), places, reads, call.path) if seen.dim == dim else seen

    return [field.each(through) if field else None]


def _window(call: OpCall) -> AlongAxis:
    kernel, stride = integers(call, "kernel"), integers(call, "stride")
    padding, dilation = integers(call, "padding"), integers(call, "dilation")
    return lambda edges, axis, length: window(edges, length, kernel[axis], stride[axis], padding[axis], dilation[axis])


def _transposed(call: OpCall) -> AlongAxis:
    kernel, stride = integers(call, "kernel"), integers(call, "stride")
    padding, dilation = integers(call, "padding"), integers(call, "dilation")
    return lambda edges, axis, length: transposed_window(
        edges, length, kernel[axis], stride[axis], padding[axis], dilation[axis]
    )


def _along(call: OpCall, along: AlongAxis, mixes_channels: bool = False) -> Fields:
    """Apply `along` to the windowed dimensions; the channel dimension lies right before them."""
    shape, field = call.inputs[0]
    kernel = integers(call, "kernel")
    first = len(shape) - len(kernel)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < first:
            return mixed(seen, call.path) if mixes_channels and seen.dim == first - 1 else seen
        length = call.output_shapes[0][seen.dim]
        if length == shape[seen.dim] and _changes_nothing(call, seen.dim - first):
            return seen
        whole_dim = plain(seen, shape[seen.dim])
        edges = along(whole_dim.edges, seen.dim - first, length)
        return Seen(edges=edges, dim=seen.dim, length=length, cropped=seen.cropped)

    return [_each(field, step)] * len(call.output_shapes)


def _changes_nothing(call: OpCall, axis: int) -> bool:
    """A window of one position, as of most convolutions in a deep network."""
    neutral = {"kernel": 1, "stride": 1, "padding": 0}
    return all(name in call.settings and integers(call, name)[axis] == value for name, value in neutral.items())


def _each(field: Field | None, step: Callable[[Seen], Sight]) -> Field | None:
    return field.each(step) if field is not None else None


def same_padding(kernel: Iterable[int], dilation: Iterable[int]) -> list[int]:
    """The padding before each axis under ``padding="same"``: ``⌊d·(k − 1)/2⌋``; an odd one is added behind."""
    return [step * (size - 1) // 2 for size, step in zip(kernel, dilation, strict=True)]

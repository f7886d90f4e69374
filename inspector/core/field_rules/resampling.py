"""Operations that move positions about evenly: interpolation, pixel shuffling, padding."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import cast

from inspector.core.edges import (
    LONGEST,
    Edges,
    antialiased_positions,
    bins,
    bound,
    compose,
    listing,
    rounds_down,
    source_positions,
    window,
)
from inspector.core.field_rules.registry import Fields, integer, rule
from inspector.core.fields import OpCall, Seen, Sight, Whole, mixed, plain

_KERNELS = {
    "nearest": "floor", "nearest-exact": "floor", "linear": "linear", "bilinear": "linear", "trilinear": "linear",
    "bicubic": "cubic", "cubic": "cubic",
}  # fmt: skip


@rule("interpolate", sliding=True)
def interpolation(call: OpCall) -> Fields:
    """Nearest, linear, cubic or area interpolation of all dimensions whose size changes behind batch and channel.

    Settings: "mode" and "align_corners" as in torch.nn.functional.interpolate, "antialias", and "ratio": for each
    windowed dimension input positions for one output position, None for the quotient of the sizes.
    """
    shape, field = call.inputs[0]
    output = call.output_shapes[0]
    axes = integer(call, "axes", len(shape) - 2)
    first = len(shape) - axes

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < first:
            return seen
        whole_dim = plain(seen, shape[seen.dim])
        edges = _interpolated(call, whole_dim.edges, shape[seen.dim], output[seen.dim], seen.dim - first)
        return Seen(edges=edges, dim=seen.dim, length=output[seen.dim], cropped=seen.cropped)

    return [field.each(step) if field else None]


def _interpolated(call: OpCall, edges: Edges, length_in: int, length: int, axis: int) -> Edges:
    mode = str(call.settings.get("mode", "nearest"))
    if mode == "area":
        return bins(edges, length_in, length)
    ratios = cast(list[Fraction | None] | None, call.settings.get("ratio"))
    ratio = (ratios[axis] if ratios else None) or Fraction(length_in, length)
    if call.settings.get("align_corners"):
        ratio = Fraction(length_in - 1, length - 1) if length > 1 else Fraction(0)
    if ratio == 1:
        return edges
    kernel = _KERNELS[mode]
    period, advance = ratio.denominator, ratio.numerator
    if call.settings.get("antialias") and ratio > 1:
        reads = antialiased_positions(1 if kernel == "linear" else 2, ratio)
        return compose(edges, length, reads, period, advance, exact=False)
    centred = mode != "nearest" and not call.settings.get("align_corners")
    return _read(edges, length_in, length, kernel, ratio, centred)


def _read(edges: Edges, length_in: int, length: int, kernel: str, ratio: Fraction, centred: bool) -> Edges:
    """Exact where no tap is without weight, and single precision finds the right taps."""
    reads = source_positions(kernel, ratio, centred)
    period, advance = ratio.denominator, ratio.numerator
    if rounds_down(kernel, ratio, centred, length):

        def either(position: int) -> Iterable[int]:
            return [place - early for place in reads(position) for early in (0, 1)]

        return compose(edges, length, either, period, advance, exact=False)
    read = compose(edges, length, reads, period, advance)
    if kernel == "floor":
        return read
    weighed = compose(edges, length, source_positions(kernel, ratio, centred, between=True), period, advance)
    # The first and the last position see less than others anyway: there, the border cuts the taps off.
    same = read == weighed or all(read.at(unit) == weighed.at(unit) for unit in range(1, length - 1))
    return read if same and _reached_inside(read, reads, length_in, length) else bound(read)


def _reached_inside(read: Edges, reads: Callable[[int], Iterable[int]], length_in: int, length: int) -> bool:
    """Whether a position whose taps all lie on the axis sees as much as any: where they do not, there is no padding."""
    period = min(len(read.lo), length)
    if 2 * period <= length and not read.listed:
        return True
    sizes = [high - low for low, high in (read.at(unit) for unit in range(length))]
    inside = [sizes[unit] for unit in range(length) if all(0 <= place < length_in for place in reads(unit))]
    return bool(inside) and max(inside) == max(sizes)


@rule("pixel_shuffle")
def pixel_shuffling(call: OpCall) -> Fields:
    """Channels become a grid of ``r × r`` positions: position ``u`` reads ``⌊u/r⌋``."""
    factor = integer(call, "factor")
    return _last_two(call, lambda edges, length: compose(edges, length, lambda u: (u // factor,), factor, 1))


@rule("pixel_unshuffle")
def pixel_unshuffling(call: OpCall) -> Fields:
    """A grid of ``r × r`` positions becomes channels: the channels of position ``u`` read ``r·u … r·u + r − 1``."""
    factor = integer(call, "factor")
    return _last_two(call, lambda edges, length: window(edges, length, factor, factor, 0, 1))


def _last_two(call: OpCall, along: Callable[[Edges, int], Edges]) -> Fields:
    shape, field = call.inputs[0]
    output = call.output_shapes[0]
    rank = len(shape)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or seen.dim < rank - 3:
            return seen
        if seen.dim == rank - 3:
            return mixed(seen, call.path)
        edges = along(plain(seen, shape[seen.dim]).edges, output[seen.dim])
        return Seen(edges=edges, dim=seen.dim, length=output[seen.dim], cropped=seen.cropped)

    return [field.each(step) if field else None]


def _reflected(position: int, size: int) -> int:
    if size == 1:
        return 0
    position %= 2 * (size - 1)
    return min(position, 2 * (size - 1) - position)


def _replicated(position: int, size: int) -> int:
    return min(max(position, 0), size - 1)


_COPIED: dict[str, Callable[[int, int], int]] = {"reflect": _reflected, "replicate": _replicated}
"""By mode of padding, the position whose copy stands at one that may lie outside."""


@rule("pad")
def padding(call: OpCall) -> Fields:
    """A shift of the origin; "padding" holds the positions added before each dimension, negative ones cropped.

    With the "mode" "reflect" or "replicate" copies of pixels near the border stand there, with "wrap" those of the
    other end, so that the first and the last see both; else nothing that is seen.
    """
    shape, field = call.inputs[0]
    before = cast(list[int], call.settings["padding"])
    copied = _COPIED.get(str(call.settings.get("mode")))

    def step(seen: Seen) -> Sight:
        if seen.dim is None or (call.output_shapes[0][seen.dim] == shape[seen.dim] and before[seen.dim] == 0):
            return seen
        length = call.output_shapes[0][seen.dim]
        size, lead = shape[seen.dim], before[seen.dim]
        former = plain(seen, size).edges
        if copied is None:
            edges = window(former, length, 1, 1, lead, 1)
        elif length > LONGEST:
            # Copies stand at most twice as far from where they are as the padding is wide.
            most = max(lead, length - size - lead, 0)
            edges = bound(window(former, length, 4 * most + 1, 1, lead + 2 * most, 1))
        else:
            edges = listing([former.at(copied(u - lead, size)) for u in range(length)], former.exact)
        cropped = seen.cropped or before[seen.dim] < 0 or length < shape[seen.dim]
        padded = Seen(edges=edges, dim=seen.dim, length=length, cropped=cropped)
        return Whole(via=call.path, local=padded, wraps=True) if call.settings.get("mode") == "wrap" else padded

    return [field.each(step) if field else None]

"""ONNX operators that move positions about: reshaping, slicing, joining, padding, resizing."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from inspector.core.edges import compose
from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Seen, Sight, plain
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError

_HALF = Fraction(1, 2)


@reads("Flatten Reshape Squeeze Unsqueeze")
def _view(view: NodeView) -> Fields:
    return view.apply("view", [view.operand(0)])


@reads("Transpose")
def _transposition(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    return view.apply("permute", [view.operand(0)], dims=view.attribute("perm", list(range(rank))[::-1]))


@reads("Concat")
def _concatenation(view: NodeView) -> Fields:
    return view.apply("cat", view.operands(), dim=view.attribute("axis", 1))


@reads("Split")
def _splitting(view: NodeView) -> Fields:
    return view.apply("split", [view.operand(0)], dim=view.attribute("axis", 0))


@reads("Slice")
def _slicing(view: NodeView) -> Fields:
    shape = view.shape(0)
    starts, ends = view.setting("starts", 1, []) or [], view.setting("ends", 2, []) or []
    axes = view.setting("axes", 3, None) or list(range(len(starts)))
    steps = view.setting("steps", 4, None) or [1] * len(starts)
    items: list[IndexItem] = [(0, 1)] * len(shape)
    operand = view.operand(0)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        dim = axis % len(shape)
        first, _, step = slice(start, end, step).indices(shape[dim])
        if step == -1 and first == shape[dim] - 1 and view.output()[dim] == shape[dim]:
            operand = view.apply_to("flip", operand, shape, dims=[dim])
        elif step < 0:
            raise UnreadableError
        else:
            items[dim] = (first, step)
    return view.apply("slice", [operand], items=items)


@reads("Gather")
def _gathering(view: NodeView) -> Fields:
    """Constant indices that are evenly spaced are a slice; ids that look up a table become vectors."""
    shape, field = view.operand(0)
    dim, rank = view.attribute("axis", 0) % len(shape), len(view.shape(1))
    if field is not None and rank <= 1:
        try:
            wanted = [index % shape[dim] for index in view.integers(1)]
        except UnreadableError:
            wanted = []
        steps = {after - before for before, after in pairwise(wanted)}
        if wanted and len(steps) <= 1 and min(steps, default=1) > 0:
            items: list[IndexItem] = [(0, 1)] * len(shape)
            items[dim] = wanted[0] if rank == 0 else (wanted[0], min(steps, default=1))
            return view.apply("slice", [(shape, field)], items=items)
    return view.apply("gather", [(shape, field), view.operand(1)], dim=dim, index_rank=rank)


@reads("GatherElements")
def _gathering_elements(view: NodeView) -> Fields:
    return view.apply("gather", [view.operand(0), view.operand(1)], dim=view.attribute("axis", 0), index_rank=0)


@reads("Tile")
def _repetition(view: NodeView) -> Fields:
    return view.apply("repeat", [view.operand(0)])


@reads("Pad")
def _padding(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    # Version 1 called the attribute "paddings".
    pads = view.setting("paddings" if view.given("paddings") else "pads", 1, []) or []
    axes = view.integers(3) if view.has(3) else list(range(rank))
    before = [0] * rank
    for axis, amount in zip(axes, pads[: len(axes)], strict=True):
        before[axis % rank] = amount
    return view.apply("pad", [view.operand(0)], padding=before, wraps=view.attribute("mode", "constant") == "wrap")


@reads("CenterCropPad")
def _cropping_to_the_centre(view: NodeView) -> Fields:
    """Source: the specification; where an odd number goes, the extra one is behind."""
    shape, output = view.shape(0), view.output()
    cropped = tuple(min(before, after) for before, after in zip(shape, output, strict=True))
    items: list[IndexItem] = [((before - after) // 2, 1) for before, after in zip(shape, cropped, strict=True)]
    inner = view.apply_to("slice", view.operand(0), cropped, items=items)
    added = [(after - before) // 2 for before, after in zip(cropped, output, strict=True)]
    return view.apply("pad", [inner], padding=added)


@reads("GridSample")
def _sampling(view: NodeView) -> Fields:
    return view.apply("sample", [view.operand(0), view.operand(1)])


@reads("DepthToSpace")
def _depth_to_space(view: NodeView) -> Fields:
    return view.apply("pixel_shuffle", [view.operand(0)], factor=view.attribute("blocksize", 1))


@reads("SpaceToDepth")
def _space_to_depth(view: NodeView) -> Fields:
    return view.apply("pixel_unshuffle", [view.operand(0)], factor=view.attribute("blocksize", 1))


@reads("ConstantOfShape EyeLike RandomNormalLike RandomUniformLike Shape Size")
def _constant(view: NodeView) -> Fields:
    return [None] * len([name for name in view.node.proto.output if name])


@reads("OneHot")
def _one_hot(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    if view.attribute("axis", -1) % (rank + 1) != rank:
        raise UnreadableError
    return view.apply("embedding", [view.operand(0)])


@reads("Resize Upsample")
def _resizing(view: NodeView) -> Fields:
    shape, field = view.operand(0)
    output = view.output()
    if field is None:
        return [None]
    ratios = _ratios(view, shape, output)

    def step(seen: Seen) -> Sight:
        if seen.dim is None or (ratios[seen.dim] == 1 and shape[seen.dim] == output[seen.dim]):
            return seen
        size_in, size_out = shape[seen.dim], output[seen.dim]
        reads_from, ratio, exact = _taps(view, size_in, size_out, ratios[seen.dim])
        edges = plain(seen, size_in).edges
        moved = compose(edges, size_out, reads_from, ratio.denominator, ratio.numerator, exact=exact)
        return Seen(edges=moved, dim=seen.dim, length=size_out, cropped=seen.cropped)

    return [field.each(step)]


def _ratios(view: NodeView, shape: tuple[int, ...], output: tuple[int, ...]) -> list[Fraction]:
    """Input positions for one output position, for each dimension."""
    slot = 1 if view.node.proto.op_type == "Upsample" or view.opset < 11 else 2
    scales: list[float] = view.attribute("scales", [0.0])[:] if view.given("scales") else []
    if not scales and view.has(slot):
        scales = view.numbers(slot)
    if len(scales) == len(shape):
        return [1 / Fraction(float(scale)).limit_denominator(1 << 12) for scale in scales]
    axes = view.attribute("axes", list(range(len(shape))))
    ratios = [Fraction(before, after) for before, after in zip(shape, output, strict=True)]
    for axis, scale in zip(axes, scales, strict=False):
        ratios[axis % len(shape)] = 1 / Fraction(float(scale)).limit_denominator(1 << 12)
    return ratios


def _taps(
    view: NodeView, size_in: int, size_out: int, ratio: Fraction
) -> tuple[Callable[[int], Iterable[int]], Fraction, bool]:
    """The positions that a new position reads, how far they advance, and whether that is exact.

    Source: the specification of Resize; versions before 11, and Upsample, know only "asymmetric" and "floor".
    """
    old = view.node.proto.op_type == "Upsample" or view.opset < 11
    coordinates = view.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = view.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    mode = view.attribute("mode", "nearest")
    offset = Fraction(0)
    if coordinates == "align_corners":
        ratio = Fraction(size_in - 1, size_out - 1) if size_out > 1 else Fraction(0)
    elif coordinates in ("half_pixel", "pytorch_half_pixel"):
        offset = (ratio - 1) / 2
        if coordinates == "pytorch_half_pixel" and size_out == 1:
            ratio, offset = Fraction(0), Fraction(0)
    elif coordinates == "half_pixel_symmetric":
        adjusted = Fraction(size_out) * ratio / size_in
        offset = Fraction(size_in, 2) * (1 - adjusted) + (ratio - 1) / 2
    elif coordinates != "asymmetric":
        raise UnreadableError
    reach = {"nearest": 0, "linear": 1, "bilinear": 1, "cubic": 2}[mode]
    if view.attribute("antialias", 0) and ratio > 1 and reach:
        width = reach * ratio
        return lambda u: range(floor(u * ratio + offset - width) + 1, ceil(u * ratio + offset + width)), ratio, False
    rounded = _ROUNDINGS[rounding]

    def read(position: int) -> Iterable[int]:
        source = position * ratio + offset
        if reach == 0:
            return (rounded(source),)
        base = floor(source)
        return (base,) if source == base else range(base - reach + 1, base + reach + 1)

    return read, ratio, True


_ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda source: ceil(source - _HALF),
    "round_prefer_ceil": lambda source: floor(source + _HALF),
    "floor": floor,
    "ceil": ceil,
}

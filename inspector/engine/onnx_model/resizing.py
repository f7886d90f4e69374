"""Resize and Upsample: which positions a new one reads.

Source: the specification of Resize, https://onnx.ai/onnx/operators/onnx__Resize.html.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import ceil, floor

from inspector.core.edges import compose
from inspector.core.field_rules.registry import Fields
from inspector.core.sights import Seen, Sight, plain
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError

_HALF = Fraction(1, 2)


@reads("Resize Upsample")
def _resizing(view: NodeView) -> Fields:
    shape, field = view.operand(0)
    output = view.output()
    if field is None:
        return [None]
    ratios = _ratios(view, shape, output)
    mode = _mode_of_torch(view, ratios)
    if mode is not None:
        corners = view.attribute("coordinate_transformation_mode", "") == "align_corners"
        antialias = bool(view.attribute("antialias", 0))
        settings = {"mode": mode, "align_corners": corners, "antialias": antialias, "ratio": ratios[2:]}
        return view.apply("interpolate", [(shape, field)], **settings)
    cropping = view.attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize"

    def step(seen: Seen) -> Sight:
        if seen.dim is None or (ratios[seen.dim] == 1 and shape[seen.dim] == output[seen.dim] and not cropping):
            return seen
        size_in, size_out = shape[seen.dim], output[seen.dim]
        reads_from, ratio, exact = _taps(view, seen.dim, size_in, size_out, ratios[seen.dim])
        edges = plain(seen, size_in).edges
        moved = compose(edges, size_out, reads_from, ratio.denominator, ratio.numerator, exact=exact)
        return Seen(edges=moved, dim=seen.dim, length=size_out, cropped=seen.cropped)

    return [field.each(step)]


def _mode_of_torch(view: NodeView, ratios: list[Fraction]) -> str | None:
    """The mode of torch.nn.functional.interpolate that a node amounts to; None where there is none."""
    output = view.output()
    if len(output) < 3 or output[:2] != view.shape(0)[:2] or ratios[:2] != [1, 1]:
        return None
    mode, coordinates, rounding = _settings(view)
    if coordinates == "pytorch_half_pixel" and 1 in output[2:]:
        return None
    if mode == "nearest":
        return _NEAREST.get((coordinates, rounding))
    return mode if coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners") else None


_NEAREST = {
    ("asymmetric", "floor"): "nearest",
    ("half_pixel", "round_prefer_ceil"): "nearest-exact",
    ("pytorch_half_pixel", "round_prefer_ceil"): "nearest-exact",
}


def _settings(view: NodeView) -> tuple[str, str, str]:
    """Mode, coordinates and rounding; versions before 11, and Upsample, know only "asymmetric" and "floor"."""
    old = view.node.proto.op_type == "Upsample" or view.opset < 11
    coordinates = view.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = view.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    return view.attribute("mode", "nearest"), coordinates, rounding


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
    common = common_scale(view)
    if common is not None:
        scales = [float(common)] * len(axes)
    for axis, scale in zip(axes, scales, strict=False):
        ratios[axis % len(shape)] = 1 / Fraction(float(scale)).limit_denominator(1 << 12)
    return ratios


def common_scale(view: NodeView) -> Fraction | None:
    """Of a Resize that keeps the aspect ratio the one scale of all axes; None for any other."""
    policy = view.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return None
    shape = view.shape(0)
    axes = view.attribute("axes", list(range(len(shape))))
    fitting = [Fraction(size, shape[axis]) for axis, size in zip(axes, view.integers(3), strict=True)]
    return min(fitting) if policy == "not_larger" else max(fitting)


def _region(view: NodeView, dim: int) -> tuple[Fraction, Fraction]:
    """First and last place of the part to be resized along a dimension, 0 to 1."""
    rank = len(view.shape(0))
    axes = [axis % rank for axis in view.attribute("axes", list(range(rank)))]
    region = [Fraction(float(number)).limit_denominator(1 << 12) for number in view.numbers(1)]
    return (region[axes.index(dim)], region[axes.index(dim) + len(axes)]) if dim in axes else (Fraction(0), Fraction(1))


def _taps(
    view: NodeView, dim: int, size_in: int, size_out: int, ratio: Fraction
) -> tuple[Callable[[int], Iterable[int]], Fraction, bool]:
    """The positions that a new position reads, how far they advance, and whether that is exact."""
    mode, coordinates, rounding = _settings(view)
    offset = Fraction(0)
    if coordinates == "tf_crop_and_resize":
        start, end = _region(view, dim)
        ratio = (end - start) * Fraction(size_in - 1, size_out - 1) if size_out > 1 else Fraction(0)
        offset = (start if size_out > 1 else (start + end) / 2) * (size_in - 1)
    elif coordinates == "align_corners":
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

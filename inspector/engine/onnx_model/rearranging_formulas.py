"""How the output size comes about of operators that move positions about: padded, resized, given outright."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import floor

import numpy

from inspector.core import geometry
from inspector.core.table import FormulaLine
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError
from inspector.engine.onnx_model.resizing import common_scale
from inspector.engine.onnx_model.windows import pads_of

FormulaReader = Callable[[NodeView], list[FormulaLine] | None]


def _padding(view: NodeView) -> list[FormulaLine] | None:
    shape, (before, after) = view.shape(0), pads_of(view)
    changed = [dim for dim in range(len(shape)) if before[dim] or after[dim]]
    names = _axis_names(len(shape))
    lines = [_kept(name, size) for name, size in zip(names, shape, strict=True)]
    for dim in changed:
        output = shape[dim] + before[dim] + after[dim]
        text = f"{shape[dim]} + {before[dim]} + {after[dim]} = {output}".replace("+ -", "− ")
        lines[dim] = FormulaLine(axis=names[dim], text=text, output=output)
    return lines[changed[0] :] if changed else None


def _depth_to_space(view: NodeView) -> list[FormulaLine]:
    block = view.attribute("blocksize", 1)
    channels, height, width = view.shape(0)[1:]
    return [
        _worked("channels", f"{channels}/({block}·{block})", channels // (block * block)),
        _worked("H", f"{height}·{block}", height * block),
        _worked("W", f"{width}·{block}", width * block),
    ]


def _space_to_depth(view: NodeView) -> list[FormulaLine]:
    block = view.attribute("blocksize", 1)
    channels, height, width = view.shape(0)[1:]
    return [
        _worked("channels", f"{channels}·{block}·{block}", channels * block * block),
        _worked("H", f"{height}/{block}", height // block),
        _worked("W", f"{width}/{block}", width // block),
    ]


def _resizing(view: NodeView) -> list[FormulaLine] | None:
    """``⌊L·scale⌋``, or the size that was asked for, or nearest to it with one scale for all axes."""
    shape, output = view.shape(0), view.output()
    rank = len(shape)
    named = [axis % rank for axis in view.attribute("axes", list(range(rank)))]
    listed = _scales(view)
    scales = {axis: scale for axis, scale in zip(named, listed, strict=bool(listed)) if scale != 1}
    common = common_scale(view)
    lines = []
    for dim, name in enumerate(_axis_names(rank)):
        size = shape[dim]
        if dim in scales:
            lines.append(geometry.scaled(name, size, scales[dim], []))
        elif common is not None and dim in named:
            lines.append(_worked(name, f"⌊{size}·{common} + 1/2⌋", floor(size * common + _HALF)))
        elif size == output[dim]:
            lines.append(_kept(name, size))
        else:
            lines.append(_given(name, output[dim], "the size"))
    changed = [dim for dim in range(rank) if not lines[dim].text.endswith(_KEPT)]
    return lines[changed[0] :] if changed else None


def _scales(view: NodeView) -> list[float]:
    """As they were typed: 0.7, not the nearest number of single precision."""
    if view.given("scales"):
        scales: list[float] = view.attribute("scales", [0.0])
    else:
        slot = 1 if view.node.proto.op_type == "Upsample" or view.opset < 11 else 2
        scales = view.numbers(slot) if view.has(slot) else []
    return [float(str(numpy.float32(scale))) for scale in scales]


def _columns_to_image(view: NodeView) -> list[FormulaLine]:
    sizes = view.integers(1)
    return [_given(name, size, "the image_shape") for name, size in zip(geometry.AXES[len(sizes)], sizes, strict=True)]


def _region_pooling(view: NodeView) -> list[FormulaLine]:
    if view.given("pooled_shape"):
        sizes = view.attribute("pooled_shape", [1, 1])
    else:
        sizes = [view.attribute("output_height", 1), view.attribute("output_width", 1)]
    return [_given(name, size, "the size of a region's output") for name, size in zip("HW", sizes, strict=True)]


def _sampling(view: NodeView) -> list[FormulaLine]:
    sizes = view.shape(1)[1:-1]
    names = geometry.AXES[len(sizes)]
    return [_given(name, size, "the size of the grid") for name, size in zip(names, sizes, strict=True)]


def _centring(view: NodeView) -> list[FormulaLine]:
    shape, wanted = view.shape(0), view.integers(1)
    axes = [axis % len(shape) for axis in view.attribute("axes", list(range(len(shape))))]
    if len(axes) != len(wanted):
        raise UnreadableError
    sizes, names = dict(zip(axes, wanted, strict=True)), _axis_names(len(shape))
    return [
        _given(names[dim], sizes[dim], "the size") if dim in sizes else _kept(names[dim], shape[dim])
        for dim in range(min(axes), len(shape))
    ]


_KEPT = ", kept"
_HALF = Fraction(1, 2)


def _axis_names(rank: int) -> Sequence[str]:
    if rank - 2 in geometry.AXES:
        return ["batch", "channels", *geometry.AXES[rank - 2]]
    return [f"axis {dim}" for dim in range(rank)]


def _kept(axis: str, size: int) -> FormulaLine:
    return FormulaLine(axis=axis, text=f"{size}{_KEPT}", output=size)


def _given(axis: str, size: int, what: str) -> FormulaLine:
    return FormulaLine(axis=axis, text=f"{size}, {what} given to the node", output=size)


def _worked(axis: str, text: str, output: int) -> FormulaLine:
    return FormulaLine(axis=axis, text=f"{text} = {output}", output=output)


REARRANGING: Mapping[str, FormulaReader] = {
    "CenterCropPad": _centring,
    "Col2Im": _columns_to_image,
    "DepthToSpace": _depth_to_space,
    "GridSample": _sampling,
    "MaxRoiPool": _region_pooling,
    "Pad": _padding,
    "Resize": _resizing,
    "RoiAlign": _region_pooling,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _resizing,
}

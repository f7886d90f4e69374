"""The formula of a call that was read as a canonical operation."""

from typing import Any, cast

from inspector.core import geometry
from inspector.core.fields import Shape
from inspector.core.table import FormulaLine
from inspector.engine.pytorch.op_calls import Reading

FORMULAS = {
    "linear", "conv", "conv_transpose", "pool", "adaptive_pool", "fractional_pool", "max_unpool", "interpolate",
    "unfold",
}  # fmt: skip
"""The operations that have one."""


def worked_formula(reading: Reading, output: Shape) -> list[FormulaLine] | None:
    """The formula's lines with this call's sizes; None where there is none, or where it is not what came out."""
    if reading.op == "linear":
        if not reading.settings.get("linear"):
            return None
        return geometry.linear(reading.operands[0].shape[-1], output[-1])
    axes = _axes(reading)
    if axes is None:
        return None
    lines = _windowed(reading, list(reading.operands[0].shape[-axes:]), list(output[-axes:]))
    if lines is None or [line.output for line in lines] != list(output[-axes:]):
        return None
    return lines


def refused_formula(reading: Reading) -> list[FormulaLine] | None:
    """The lines for a call that torch refused, whose settings and input do not fit; None where there is no formula."""
    axes = _axes(reading)
    if axes is None or reading.op not in ("conv", "conv_transpose", "pool", "adaptive_pool", "unfold"):
        return None
    return _windowed(reading, list(reading.operands[0].shape[-axes:]), [])


def _axes(reading: Reading) -> int | None:
    axes = reading.settings.get("axes")
    return axes if isinstance(axes, int) and axes in geometry.AXES else None


def _windowed(reading: Reading, sizes: list[int], output: list[int]) -> list[FormulaLine] | None:
    settings = cast(dict[str, Any], reading.settings)
    match reading.op:
        case "conv":
            names = ("kernel", "stride", "padding", "dilation", "padding_after")
            return geometry.convolution(sizes, *(settings[name] for name in names))
        case "conv_transpose":
            names = ("kernel", "stride", "padding", "dilation", "output_padding")
            return geometry.transposed_convolution(sizes, *(settings[name] for name in names))
        case "pool":
            dilation = settings["dilation"] if settings["dilated"] else None
            return geometry.pooling(
                sizes, settings["kernel"], settings["stride"], settings["padding"], dilation, settings["ceil_mode"]
            )
        case "adaptive_pool":
            return geometry.adaptive_pooling(sizes, settings["wanted"])
        case "fractional_pool":
            ratios = settings["ratio"]
            return geometry.fractional_pooling(sizes, settings["kernel"], None if ratios else output, ratios)
        case "max_unpool":
            wanted = output if settings["given"] else None
            return geometry.max_unpooling(sizes, settings["kernel"], settings["stride"], settings["padding"], wanted)
        case "interpolate":
            scale = settings.get("scale")
            scales = None if scale is None else list(scale) if isinstance(scale, list | tuple) else [scale] * len(sizes)
            return geometry.interpolation(sizes, output, scales)
        case "unfold":
            window = [settings[name] for name in ("kernel", "stride", "padding", "dilation")]
            return geometry.unfolding(reading.operands[0].shape[-3], sizes, *window)
    return None

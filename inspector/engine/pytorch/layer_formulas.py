"""The formula of a layer by its own settings: one that no pass has reached, or that refused its input."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from torch import nn
from torch.nn.modules import conv, pooling

from inspector.core import geometry
from inspector.core.field_rules.windows import same_padding
from inspector.core.table import FormulaLine, Row
from inspector.engine.pytorch.calls import CallRecord

_FRACTIONAL = (nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
_DIMENSIONS: list[tuple[int, tuple[type[nn.Module], ...]]] = [
    (1, (nn.MaxPool1d, nn.AvgPool1d, nn.LPPool1d, nn.MaxUnpool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d)),
    (
        2,
        (
            nn.MaxPool2d,
            nn.AvgPool2d,
            nn.LPPool2d,
            nn.MaxUnpool2d,
            nn.AdaptiveAvgPool2d,
            nn.AdaptiveMaxPool2d,
            nn.FractionalMaxPool2d,
        ),
    ),
    (
        3,
        (
            nn.MaxPool3d,
            nn.AvgPool3d,
            nn.LPPool3d,
            nn.MaxUnpool3d,
            nn.AdaptiveAvgPool3d,
            nn.AdaptiveMaxPool3d,
            nn.FractionalMaxPool3d,
        ),
    ),
]


def with_own_formulas(
    rows: list[Row], calls: Sequence[CallRecord | None], modules: Mapping[str, nn.Module]
) -> list[Row]:
    """Layers that no pass reached, or that refused their input, have the formula of their own settings."""
    found = []
    for row, call in zip(rows, calls, strict=True):
        own = row.kind == "module" and row.formula is None and (call is None or call.failed)
        shape = call.input_shapes[0] if call is not None and call.input_shapes else None
        formula = static_formula(modules[row.path], shape) if own else None
        found.append(row if formula is None else msgspec.structs.replace(row, formula=formula))
    return found


def static_formula(module: nn.Module, shape: Sequence[int] | None = None) -> list[FormulaLine] | None:
    """The formula of a convolution, pooling, resampling or linear layer; None for others. Never raises.

    `shape` is its input's; without it the sizes stay open.
    """
    try:
        return _formula(module, shape)
    except Exception:  # a layer with odd settings has no formula, and no pass will run it either
        return None


def _formula(module: nn.Module, shape: Sequence[int] | None) -> list[FormulaLine] | None:
    if isinstance(module, nn.Linear):
        return geometry.linear(module.in_features, module.out_features)
    if isinstance(module, conv._ConvNd):
        return _convolution(module, _sizes(shape, len(module.kernel_size)))
    if isinstance(module, nn.Upsample):
        return None if shape is None else _upsampling(module, shape)
    if isinstance(module, nn.Unfold):
        settings = (module.kernel_size, module.stride, module.padding, module.dilation)
        channels = None if shape is None else shape[-3]
        return geometry.unfolding(channels, _sizes(shape, 2), *(_each(value, 2) for value in settings))
    count = next((count for count, types in _DIMENSIONS if isinstance(module, types)), None)
    return None if count is None else _pooling(module, count, _sizes(shape, count))


def _sizes(shape: Sequence[int] | None, count: int) -> geometry.Sizes:
    return [None] * count if shape is None else list(shape[-count:])


def _convolution(module: conv._ConvNd, sizes: geometry.Sizes) -> list[FormulaLine]:
    kernel, stride, dilation = module.kernel_size, module.stride, module.dilation
    if module.transposed:
        padding = _each(module.padding, len(kernel))
        return geometry.transposed_convolution(sizes, kernel, stride, padding, dilation, module.output_padding)
    if module.padding == "same":
        before = same_padding(kernel, dilation)
        after = [d * (k - 1) - left for k, d, left in zip(kernel, dilation, before, strict=True)]
        return geometry.convolution(sizes, kernel, stride, before, dilation, after)
    padding = [0] * len(kernel) if module.padding == "valid" else _each(module.padding, len(kernel))
    return geometry.convolution(sizes, kernel, stride, padding, dilation)


def _upsampling(module: nn.Upsample, shape: Sequence[int]) -> list[FormulaLine]:
    count = len(shape) - 2
    sizes, scale, wanted = _sizes(shape, count), module.scale_factor, module.size
    if scale is not None:
        scales = list(scale) if isinstance(scale, tuple) else [scale] * count
        return geometry.interpolation(sizes, sizes, scales)
    return geometry.interpolation(sizes, _each(wanted, count), None)


def _pooling(module: nn.Module, count: int, sizes: geometry.Sizes) -> list[FormulaLine] | None:
    settings: Any = module
    if isinstance(module, pooling._AdaptiveAvgPoolNd | pooling._AdaptiveMaxPoolNd):
        wanted = settings.output_size
        outputs = [wanted] * count if wanted is None or isinstance(wanted, int) else list(wanted)
        return geometry.adaptive_pooling(sizes, outputs)
    kernel = _each(settings.kernel_size, count)
    if isinstance(module, _FRACTIONAL):
        given = None if settings.output_size is None else _each(settings.output_size, count)
        return geometry.fractional_pooling(sizes, kernel, given, settings.output_ratio)
    stride = _each(settings.stride if settings.stride is not None else kernel, count)
    padding = _each(getattr(module, "padding", 0), count)
    if isinstance(module, pooling._MaxUnpoolNd):
        return geometry.max_unpooling(sizes, kernel, stride, padding)
    dilation = _each(settings.dilation, count) if isinstance(module, pooling._MaxPoolNd) else None
    return geometry.pooling(sizes, kernel, stride, padding, dilation, bool(settings.ceil_mode))


def _each(value: Any, count: int) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * count if len(numbers) == 1 else numbers

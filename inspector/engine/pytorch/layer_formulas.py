"""The formula of a layer that no pass has reached: its own settings, and an input size that is not known."""

from typing import Any

from torch import nn
from torch.nn.modules import conv, pooling

from inspector.core import geometry
from inspector.core.field_rules.windows import same_padding
from inspector.core.table import FormulaLine

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


def static_formula(module: nn.Module) -> list[FormulaLine] | None:
    """The formula of a convolution, pooling or linear layer, its input size unknown; None for others. Never raises."""
    try:
        if isinstance(module, conv._ConvNd):
            return _convolution(module)
        if isinstance(module, nn.Linear):
            return geometry.linear(module.in_features, module.out_features)
        count = next((count for count, types in _DIMENSIONS if isinstance(module, types)), None)
        return None if count is None else _pooling(module, count)
    except Exception:  # a layer with odd settings has no formula, and no pass will run it either
        return None


def _convolution(module: conv._ConvNd) -> list[FormulaLine]:
    kernel, stride, dilation = module.kernel_size, module.stride, module.dilation
    unknown: list[int | None] = [None] * len(kernel)
    if module.transposed:
        padding = _each(module.padding, len(kernel))
        return geometry.transposed_convolution(unknown, kernel, stride, padding, dilation, module.output_padding)
    if module.padding == "same":
        before = same_padding(kernel, dilation)
        after = [d * (k - 1) - left for k, d, left in zip(kernel, dilation, before, strict=True)]
        return geometry.convolution(unknown, kernel, stride, before, dilation, after)
    padding = [0] * len(kernel) if module.padding == "valid" else _each(module.padding, len(kernel))
    return geometry.convolution(unknown, kernel, stride, padding, dilation)


def _pooling(module: nn.Module, count: int) -> list[FormulaLine] | None:
    unknown: list[int | None] = [None] * count
    settings: Any = module
    if isinstance(module, pooling._AdaptiveAvgPoolNd | pooling._AdaptiveMaxPoolNd):
        wanted = settings.output_size
        outputs = [wanted] * count if wanted is None or isinstance(wanted, int) else list(wanted)
        return geometry.adaptive_pooling(unknown, outputs)
    kernel = _each(settings.kernel_size, count)
    if isinstance(module, _FRACTIONAL):
        given = None if settings.output_size is None else _each(settings.output_size, count)
        return geometry.fractional_pooling(unknown, kernel, given, settings.output_ratio)
    stride = _each(settings.stride if settings.stride is not None else kernel, count)
    padding = _each(getattr(module, "padding", 0), count)
    if isinstance(module, pooling._MaxUnpoolNd):
        return geometry.max_unpooling(unknown, kernel, stride, padding)
    dilation = _each(settings.dilation, count) if isinstance(module, pooling._MaxPoolNd) else None
    return geometry.pooling(unknown, kernel, stride, padding, dilation, bool(settings.ceil_mode))


def _each(value: Any, count: int) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * count if len(numbers) == 1 else numbers

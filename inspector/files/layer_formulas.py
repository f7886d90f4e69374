"""The formula of a layer of ``torch.nn`` from its settings in the file; input sizes stay open unless they are given."""

from collections.abc import Mapping, Sequence
from typing import Any

from inspector.core import geometry
from inspector.core.table import FormulaLine

Sizes = Sequence[int | None]


def layer_formula(
    class_path: str, settings: Mapping[str, Any], given: Sequence[int] | None = None
) -> list[FormulaLine] | None:
    """The lines for a convolution, pooling, unfolding or linear layer of torch's own; None for any other.

    `given` are the input's sizes along its spatial axes.
    """
    name = class_path.rpartition(".")[2]
    if not class_path.startswith("torch.nn."):
        return None
    try:
        return _formula(name, settings, given)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None


def _formula(name: str, settings: Mapping[str, Any], given: Sequence[int] | None) -> list[FormulaLine] | None:
    if name in ("Linear", "NonDynamicallyQuantizableLinear"):
        return geometry.linear(*numbers([settings["in_features"], settings["out_features"]], 2))
    if name == "Unfold":
        window = (settings[key] for key in ("kernel_size", "stride", "padding", "dilation"))
        return geometry.unfolding(None, [None, None], *(numbers(value, 2) for value in window))
    kind, axes = name[:-2], name[-2:]
    if axes not in ("1d", "2d", "3d"):
        return None
    count = int(axes[0])
    sizes: Sizes = [None] * count if given is None else given
    if kind in ("Conv", "ConvTranspose"):
        return _convolution(kind, settings, count, sizes)
    if kind in ("AdaptiveAvgPool", "AdaptiveMaxPool"):
        wanted = settings["output_size"]
        each = list(wanted) if isinstance(wanted, list) else [wanted] * count
        return geometry.adaptive_pooling(sizes, [size if size is None else numbers(size, 1)[0] for size in each])
    if kind == "FractionalMaxPool":
        given, ratio = settings["output_size"], settings["output_ratio"]
        return geometry.fractional_pooling(
            sizes, numbers(settings["kernel_size"], count), None if given is None else numbers(given, count), ratio
        )
    if kind not in ("MaxPool", "AvgPool", "LPPool", "MaxUnpool"):
        return None
    kernel, stride, padding, dilation = pooling_window(kind, settings, count)
    if kind == "MaxUnpool":
        return geometry.max_unpooling(sizes, kernel, stride, padding)
    spread = dilation if kind == "MaxPool" else None
    return geometry.pooling(sizes, kernel, stride, padding, spread, bool(settings["ceil_mode"]))


def pooling_window(kind: str, settings: Mapping[str, Any], count: int) -> tuple[list[int], ...]:
    """Kernel, stride, padding and dilation of a pooling layer, one number for each axis."""
    kernel = numbers(settings["kernel_size"], count)
    stride = kernel if settings["stride"] is None else numbers(settings["stride"], count)
    padding = numbers(settings.get("padding", 0), count)
    dilation = numbers(settings["dilation"], count) if kind == "MaxPool" else [1] * count
    return kernel, stride, padding, dilation


def convolution_window(settings: Mapping[str, Any], count: int) -> tuple[list[int], ...]:
    """Kernel, stride, padding before, dilation and padding behind of a convolution, one number for each axis."""
    kernel, stride, dilation = (numbers(settings[key], count) for key in ("kernel_size", "stride", "dilation"))
    if settings["padding"] == "same":
        # The registry of all rules, which few files need, comes with it.
        from inspector.core.field_rules.windows import same_padding

        before = same_padding(kernel, dilation)
        after = [d * (k - 1) - left for k, d, left in zip(kernel, dilation, before, strict=True)]
        return kernel, stride, before, dilation, after
    padding = [0] * count if settings["padding"] == "valid" else numbers(settings["padding"], count)
    return kernel, stride, padding, dilation, padding


def _convolution(kind: str, settings: Mapping[str, Any], count: int, sizes: Sizes) -> list[FormulaLine] | None:
    kernel, stride, padding, dilation, after = convolution_window(settings, count)
    if kind == "Conv":
        return geometry.convolution(sizes, kernel, stride, padding, dilation, after)
    return geometry.transposed_convolution(
        sizes, kernel, stride, padding, dilation, numbers(settings["output_padding"], count)
    )


def numbers(value: Any, count: int) -> list[int]:
    """A setting as one integer for each axis; raises ValueError where it is nothing of the kind."""
    each = list(value) if isinstance(value, list) else [value]
    each = each * count if len(each) == 1 else each
    if len(each) != count or not all(isinstance(number, int) and 0 <= number < 2**31 for number in each):
        raise ValueError(f"not {count} sizes: {value}")
    return each

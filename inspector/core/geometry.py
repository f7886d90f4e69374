"""How a single layer's output size comes about, worked through with its numbers, axis by axis.

Lists have one entry for each windowed axis. Input sizes are None where they are not known: the text then says ``H_in``
and the output is None. Source of the formulas: the "Shape" sections of torch.nn's documentation.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from inspector.core.table import FormulaLine

Sizes = Sequence[int | None]
AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


def convolution(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    padding_after: Sequence[int] | None = None,
) -> list[FormulaLine]:
    """``⌊(L + 2·p − d·(k − 1) − 1)/s⌋ + 1``; with `padding_after` where the two sides differ."""
    lines = []
    for axis, size, k, s, p, d, q in _axes(sizes, kernel, stride, padding, dilation, padding_after or padding):
        text = f"⌊({_size(axis, size)} + {_padding(p, q)} − {d}·({k} − 1) − 1)/{s}⌋ + 1"
        lines.append(_line(axis, text, None if size is None else (size + p + q - d * (k - 1) - 1) // s + 1))
    return lines


def transposed_convolution(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> list[FormulaLine]:
    """``(L − 1)·s − 2·p + d·(k − 1) + output_padding + 1``."""
    lines = []
    for axis, size, k, s, p, d, extra in _axes(sizes, kernel, stride, padding, dilation, output_padding):
        text = f"({_size(axis, size)} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {extra} + 1"
        lines.append(_line(axis, text, None if size is None else (size - 1) * s - 2 * p + d * (k - 1) + extra + 1))
    return lines


def pooling(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> list[FormulaLine]:
    """``⌊(L + 2·p − d·(k − 1) − 1)/s⌋ + 1``, or without `dilation` ``⌊(L + 2·p − k)/s⌋ + 1``.

    `ceil_mode` rounds up, but a last window that would start in the padding behind is left out (ATen/native/Pool.h).
    """
    lines = []
    opening, closing = ("⌈", "⌉") if ceil_mode else ("⌊", "⌋")
    for axis, size, k, s, p, d, _ in _axes(sizes, kernel, stride, padding, dilation or [1] * len(kernel), padding):
        window = f"{k}" if dilation is None else f"{d}·({k} − 1) − 1"
        text = f"{opening}({_size(axis, size)} + 2·{p} − {window})/{s}{closing} + 1"
        if size is None:
            lines.append(_line(axis, text, None))
            continue
        span = size + 2 * p - d * (k - 1) - 1
        output = (-(-span // s) if ceil_mode else span // s) + 1
        if ceil_mode and (output - 1) * s >= size + p:
            output -= 1
            text += " − 1, as the last window would start in the padding"
        lines.append(_line(axis, text, output))
    return lines


def adaptive_pooling(sizes: Sizes, outputs: Sizes) -> list[FormulaLine]:
    """The size asked for, and the bins that give it; None keeps the axis."""
    lines = []
    for axis, size, wanted in zip(AXES[len(outputs)], sizes, outputs, strict=True):
        if wanted is None:
            lines.append(FormulaLine(axis=axis, text=f"{_size(axis, size)}, kept", output=size))
            continue
        bins = f"bins from ⌊u·{_size(axis, size)}/{wanted}⌋ to ⌈(u + 1)·{_size(axis, size)}/{wanted}⌉ − 1"
        lines.append(FormulaLine(axis=axis, text=f"{wanted} {bins}", output=wanted))
    return lines


def fractional_pooling(
    sizes: Sizes, kernel: Sequence[int], outputs: Sequence[int] | None, ratios: Sequence[float] | None
) -> list[FormulaLine]:
    """The size asked for, or ``⌊L·ratio⌋``; windows start at random."""
    lines = []
    for place, (axis, size, k) in enumerate(zip(AXES[len(kernel)], sizes, kernel, strict=True)):
        if ratios is not None:
            text = f"⌊{_size(axis, size)}·{ratios[place]:g}⌋"
            lines.append(_line(axis, text, None if size is None else int(size * ratios[place])))
        elif outputs is not None:
            text = f"{outputs[place]} windows of {k}, placed at random"
            lines.append(FormulaLine(axis=axis, text=text, output=outputs[place]))
    return lines


def max_unpooling(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    outputs: Sequence[int] | None = None,
) -> list[FormulaLine]:
    """``(L − 1)·s − 2·p + k``, unless an output size was asked for."""
    lines = []
    for axis, size, k, s, p, _, wanted in _axes(sizes, kernel, stride, padding, padding, outputs or [0] * len(kernel)):
        if outputs:
            lines.append(FormulaLine(axis=axis, text=f"{wanted}, the output size given to the call", output=wanted))
            continue
        text = f"({_size(axis, size)} − 1)·{s} − 2·{p} + {k}"
        lines.append(_line(axis, text, None if size is None else (size - 1) * s - 2 * p + k))
    return lines


def linear(in_features: int, out_features: int) -> list[FormulaLine]:
    """The last dimension becomes ``out_features``."""
    text = f"x·Wᵀ: {in_features} features times a {out_features} × {in_features} weight = {out_features}"
    return [FormulaLine(axis="features", text=text, output=out_features)]


def interpolation(sizes: Sizes, outputs: Sequence[int], scales: Sequence[float] | None) -> list[FormulaLine]:
    """``⌊L·scale⌋``, or the size asked for."""
    lines = []
    for place, (axis, size, wanted) in enumerate(zip(AXES[len(outputs)], sizes, outputs, strict=True)):
        if scales is None:
            lines.append(FormulaLine(axis=axis, text=f"{wanted}, the size given to the call", output=wanted))
            continue
        text = f"⌊{_size(axis, size)}·{scales[place]:g}⌋"
        lines.append(_line(axis, text, None if size is None else floor(size * Fraction(scales[place]))))
    return lines


def _axes(sizes: Sizes, *settings: Sequence[int]) -> list[tuple[str, int | None, int, int, int, int, int]]:
    names = AXES[len(settings[0])]
    return list(zip(names, sizes, *settings, strict=True))


def _size(axis: str, size: int | None) -> str:
    return f"{axis}_in" if size is None else str(size)


def _padding(before: int, after: int) -> str:
    return f"2·{before}" if before == after else f"{before} + {after}"


def _line(axis: str, text: str, output: int | None) -> FormulaLine:
    return FormulaLine(axis=axis, text=text if output is None else f"{text} = {output}", output=output)

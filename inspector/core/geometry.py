"""How a single layer's output size comes about, worked through with its numbers, axis by axis.

Lists have one entry for each windowed axis. Input sizes are None where they are not known: the text then says ``H_in``
and the output is None. A division that does not come out even is written once more with its value, so that one sees
where floor or ceiling bites. Source of the formulas: the "Shape" sections of torch.nn's documentation.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from inspector.core import window_notes
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
    axes = _axes(sizes, kernel, stride, padding, dilation, padding_after or padding)
    return [_convolved(*axis) for axis in axes]


# Networks repeat their layers: a line is made once for each set of numbers.
@lru_cache(maxsize=4096)
def _convolved(axis: str, size: int | None, k: int, s: int, p: int, d: int, q: int) -> FormulaLine:
    text = f"⌊({_size(axis, size)} + {_padding(p, q)} − {d}·({k} − 1) − 1)/{s}⌋ + 1"
    notes = _two_sides(p, q)
    if size is None:
        return FormulaLine(axis=axis, text=text, output=None, notes=[*notes, *_never_read(axis, None, k, s, p, d, q)])
    span = size + p + q - d * (k - 1) - 1
    output = span // s + 1
    text += _worked("⌊", span, s, "⌋", " + 1")
    return _line(axis, text, output, [*notes, *_never_read(axis, size, k, s, p, d, q, output)])


def transposed_convolution(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> list[FormulaLine]:
    """``(L − 1)·s − 2·p + d·(k − 1) + output_padding + 1``."""
    return [_transposed(*axis) for axis in _axes(sizes, kernel, stride, padding, dilation, output_padding)]


@lru_cache(maxsize=4096)
def _transposed(axis: str, size: int | None, k: int, s: int, p: int, d: int, extra: int) -> FormulaLine:
    text = f"({_size(axis, size)} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {extra} + 1"
    overlap = window_notes.uneven_overlap(k, s, d)
    if size is None:
        return FormulaLine(axis=axis, text=text, output=None, notes=[*overlap])
    output = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
    lost = window_notes.written_nowhere(axis, size, k, s, p, d, output)
    return _line(axis, text, output, [*window_notes.restoring(size, k, s, p, d, extra), *lost, *overlap])


def pooling(
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] | None = None,
    ceil_mode: bool = False,
    padding_after: Sequence[int] | None = None,
) -> list[FormulaLine]:
    """``⌊(L + 2·p − d·(k − 1) − 1)/s⌋ + 1``, or without `dilation` ``⌊(L + 2·p − k)/s⌋ + 1``.

    `padding_after` where the two sides differ: then ``p + q`` in place of ``2·p``. `ceil_mode` rounds up, but a last
    window that would start in the padding behind is left out (ATen/native/Pool.h).
    """
    axes = _axes(sizes, kernel, stride, padding, dilation or [1] * len(kernel), padding_after or padding)
    return [_pooled(*axis, dilation is not None, ceil_mode) for axis in axes]


@lru_cache(maxsize=4096)
def _pooled(
    axis: str, size: int | None, k: int, s: int, p: int, d: int, q: int, dilated: bool, ceil_mode: bool
) -> FormulaLine:
    opening, closing = ("⌈", "⌉") if ceil_mode else ("⌊", "⌋")
    window = f"{d}·({k} − 1) − 1" if dilated else f"{k}"
    text = f"{opening}({_size(axis, size)} + {_padding(p, q)} − {window})/{s}{closing} + 1"
    notes = _two_sides(p, q)
    if size is None:
        return FormulaLine(axis=axis, text=text, output=None, notes=[*notes, *_never_read(axis, None, k, s, p, d, q)])
    span = size + p + q - d * (k - 1) - 1
    output, rest = (-(-span // s) if ceil_mode else span // s) + 1, " + 1"
    if ceil_mode and (output - 1) * s >= size + p:
        output, rest = output - 1, " + 1 − 1"
        text += " − 1"
        notes.append("the window that rounding up adds would start in the padding behind the input: it is left out")
    text += _worked(opening, span, s, closing, rest)
    notes += window_notes.beyond_the_end(axis, size, k, s, p, d, q, output) if ceil_mode else []
    if p == q and 2 * p > k:
        notes.append(f"padding {p} is more than half of the kernel {k}: PyTorch refuses it")
    return _line(axis, text, output, [*notes, *_never_read(axis, size, k, s, p, d, q, output)])


def adaptive_pooling(sizes: Sizes, outputs: Sizes) -> list[FormulaLine]:
    """The size asked for, and the bins that give it; None keeps the axis."""
    lines = []
    for axis, size, wanted in zip(AXES[len(outputs)], sizes, outputs, strict=True):
        if wanted is None:
            lines.append(FormulaLine(axis=axis, text=f"{_size(axis, size)}, kept", output=size))
            continue
        text = f"{wanted} bins from ⌊u·{_size(axis, size)}/{wanted}⌋ to ⌈(u + 1)·{_size(axis, size)}/{wanted}⌉ − 1"
        notes = [] if size is None else list(window_notes.bins(axis, size, wanted))
        lines.append(FormulaLine(axis=axis, text=text, output=wanted, notes=notes))
    return lines


def fractional_pooling(
    sizes: Sizes, kernel: Sequence[int], outputs: Sequence[int] | None, ratios: Sequence[float] | None
) -> list[FormulaLine]:
    """The size asked for, or ``⌊L·ratio⌋``; windows start at random."""
    lines = []
    for place, (axis, size, k) in enumerate(zip(AXES[len(kernel)], sizes, kernel, strict=True)):
        if ratios is not None:
            lines.append(scaled(axis, size, ratios[place], [f"windows of {k}, placed at random"]))
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
    for axis, size, k, s, p, wanted in _axes(sizes, kernel, stride, padding, outputs or [0] * len(kernel)):
        if outputs:
            lines.append(FormulaLine(axis=axis, text=f"{wanted}, the output size given to the call", output=wanted))
            continue
        text = f"({_size(axis, size)} − 1)·{s} − 2·{p} + {k}"
        if size is None:
            lines.append(FormulaLine(axis=axis, text=text, output=None))
        else:
            lines.append(_line(axis, text, (size - 1) * s - 2 * p + k, window_notes.unpooled_from(size, k, s, p)))
    return lines


def linear(in_features: int, out_features: int) -> list[FormulaLine]:
    """The last dimension becomes ``out_features``."""
    text = f"x·Wᵀ: {in_features} features times a {out_features} × {in_features} weight = {out_features}"
    return [FormulaLine(axis="features", text=text, output=out_features)]


def interpolation(sizes: Sizes, outputs: Sizes, scales: Sequence[float] | None) -> list[FormulaLine]:
    """``⌊L·scale⌋``, or the size asked for."""
    lines = []
    for place, (axis, size, wanted) in enumerate(zip(AXES[len(outputs)], sizes, outputs, strict=True)):
        if scales is None:
            lines.append(FormulaLine(axis=axis, text=f"{wanted}, the size given to the call", output=wanted))
        else:
            lines.append(scaled(axis, size, scales[place], []))
    return lines


def scaled(axis: str, size: int | None, scale: float, notes: list[str]) -> FormulaLine:
    """``⌊L·scale⌋`` in double precision, as torch does: 10 times 0.7 is 7, although 0.7 is stored as a little less."""
    text = f"⌊{_size(axis, size)}·{scale!r}⌋"
    if size is None:
        return FormulaLine(axis=axis, text=text, output=None, notes=notes)
    exact = size * scale
    if exact != int(exact):
        text += f" = ⌊{exact:.6g}⌋" if f"{exact:.6g}" != f"{round(exact)}" else ""
    return _line(axis, text, int(exact), notes)


def unfolding(
    channels: int | None,
    sizes: Sizes,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[FormulaLine]:
    """``C·kH·kW`` values for each of ``(⌊…⌋ + 1)·(⌊…⌋ + 1)`` windows, which are counted as a convolution's."""
    values = "·".join(map(str, kernel))
    area = kernel[0] * kernel[1]
    text = f"{_size('C', channels)}·{values}"
    first = FormulaLine(axis="channels", text=text, output=None)
    if channels is not None:
        first = _line("channels", text, channels * area, [])
    down, across = convolution(sizes, kernel, stride, padding, dilation)
    text = "·".join(f"({line.text.partition(' = ')[0]})" for line in (down, across))
    notes = [f"{line.axis}: {note}" for line in (down, across) for note in line.notes]
    if down.output is None or across.output is None:
        return [first, FormulaLine(axis="windows", text=text, output=None, notes=notes)]
    if min(down.output, across.output) < 1:
        return [first, FormulaLine(axis="windows", text=text, output=min(down.output, across.output), notes=notes)]
    text += f" = {down.output}·{across.output}"
    return [first, _line("windows", text, down.output * across.output, notes)]


def _axes(sizes: Sizes, *settings: Sequence[int]) -> list[tuple[Any, ...]]:
    return list(zip(AXES[len(settings[0])], sizes, *settings, strict=True))


def _size(axis: str, size: int | None) -> str:
    return f"{axis}_in" if size is None else str(size)


def _padding(before: int, after: int) -> str:
    return f"2·{before}" if before == after else f"{before} + {after}"


def _two_sides(before: int, after: int) -> list[str]:
    return [f"padding of {before + after} in all: {before} before, {after} after"] if before != after else []


def _worked(opening: str, span: int, s: int, closing: str, rest: str) -> str:
    """The division's value between its brackets, where it is no integer."""
    if span % s == 0:
        return ""
    value = f"{span / s:.2f}".rstrip("0")
    if value.endswith("."):  # so near to an integer that two digits would say it is one
        value = str(Fraction(span, s))
    return f" = {opening}{value}{closing}{rest}".replace("-", "−")


def _never_read(axis: str, size: int | None, k: int, s: int, p: int, d: int, q: int, windows: int = 1) -> list[str]:
    return list(window_notes.never_read(axis, size, k, s, p, d, q, windows))


def _line(axis: str, text: str, output: int, notes: list[str]) -> FormulaLine:
    return FormulaLine(axis=axis, text=f"{text} = {output}".replace("-", "−"), output=output, notes=notes)

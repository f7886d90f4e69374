"""What another setting of one layer would make of the sizes at the end of its branch.

Worked out by the layers' own formulas, as in the documentation of ``nn.Conv2d``, ``nn.ConvTranspose2d`` and
``nn.MaxPool2d``; nothing is run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.explaining.producers import Flow
from inspector.engine.pytorch.op_calls import each

_Pool = nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d | nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d
MOST_PADDING = 8


@dataclass(frozen=True)
class Change:
    """One setting of one layer that gives a branch the wanted sizes."""

    path: str
    setting: str
    value: int | tuple[int, ...]
    rank: int
    """How unlikely it is to be what was meant."""


def changes_of(branch: list[CallRecord], wanted: list[int]) -> list[Change]:
    """The changes of one setting after which a branch ends in these spatial sizes, the likeliest first.

    `branch` is a chain, the latest call first.
    """
    found = []
    for place, call in enumerate(branch):
        module = call.module
        if not isinstance(module, nn.modules.conv._ConvNd | _Pool) or len(call.input_shapes[0]) <= len(wanted):
            continue
        for setting, value, rank in _candidates(module, len(wanted)):
            sizes: list[int] | None = call.input_shapes[0][-len(wanted) :]
            sizes = _after(module, sizes or [], {setting: value})
            for later in reversed(branch[:place]):
                sizes = None if sizes is None else _through(later, sizes)
            if sizes == wanted:
                numbers = value[0] if len(set(value)) == 1 else tuple(value)
                found.append(Change(call.path, setting, numbers, rank))
    return sorted(found, key=lambda change: change.rank)


def _candidates(module: nn.Module, axes: int) -> Iterator[tuple[str, list[int], int]]:
    kernel, stride, padding, dilation = _settings(module, axes)
    same = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    if padding != same:
        yield "padding", same, 0
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        for number in range(max(stride)):
            yield "output_padding", [number] * axes, 0
    for number in (1, 2, 3, 4):
        if stride != [number] * axes:
            yield "stride", [number] * axes, 1
    for number in range(MOST_PADDING):
        if padding != [number] * axes and not isinstance(module, _Pool):
            yield "padding", [number] * axes, 2
    for number in (1, 2, 3, 4, 5, 7):
        if kernel != [number] * axes:
            yield "kernel_size", [number] * axes, 3


def _settings(module: nn.Module, axes: int) -> tuple[list[int], list[int], list[int], list[int]]:
    kernel = each(module.kernel_size, axes)
    padding: Any = module.padding
    dilation = each(getattr(module, "dilation", 1), axes)
    if isinstance(padding, str):
        padding = (
            [0] * axes if padding == "valid" else [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
        )
    stride = module.stride if module.stride is not None else kernel
    return kernel, each(stride, axes), each(padding, axes), dilation


def _after(module: nn.Module, sizes: list[int], changed: dict[str, list[int]]) -> list[int] | None:
    """The sizes that the layer makes of these."""
    axes = len(sizes)
    kernel, stride, padding, dilation = _settings(module, axes)
    kernel, stride = changed.get("kernel_size", kernel), changed.get("stride", stride)
    padding = changed.get("padding", padding)
    result = []
    for axis, size in enumerate(sizes):
        k, s, p, d = kernel[axis], stride[axis], padding[axis], dilation[axis]
        if isinstance(module, nn.modules.conv._ConvTransposeNd):
            extra = changed.get("output_padding", each(module.output_padding, axes))[axis]
            if extra >= max(s, d):
                return None
            made = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
        else:
            room = size + 2 * p - d * (k - 1) - 1
            if room < 0 or (isinstance(module, _Pool) and 2 * p > k):
                return None
            made = (-(-room // s) if getattr(module, "ceil_mode", False) else room // s) + 1
        if made < 1:
            return None
        result.append(made)
    return result


def _through(call: CallRecord, sizes: list[int]) -> list[int] | None:
    """The sizes that a call makes of others than it was given; None where that is not known."""
    axes = len(sizes)
    if isinstance(call.module, nn.modules.conv._ConvNd | _Pool):
        return _after(call.module, sizes, {})
    if not call.input_shapes or not call.output_shapes:
        return None
    before, after = call.input_shapes[0][-axes:], call.output_shapes[0][-axes:]
    if len(call.input_shapes[0]) != len(call.output_shapes[0]):
        return None
    if before == after:
        return sizes
    if all(new % old == 0 for new, old in zip(after, before, strict=True)):
        return [size * new // old for size, new, old in zip(sizes, after, before, strict=True)]
    return None


def input_for(calls: list[CallRecord], needed: list[int]) -> list[int] | None:
    """The sizes before a chain of calls, the latest first, that make at least the needed ones after it."""
    sizes = list(needed)
    axes = len(sizes)
    for call in calls:
        module = call.module
        if isinstance(module, nn.modules.conv._ConvTransposeNd):
            return None
        if isinstance(module, nn.modules.conv._ConvNd | _Pool):
            kernel, stride, padding, dilation = _settings(module, axes)
            settings = zip(sizes, kernel, stride, padding, dilation, strict=True)
            sizes = [max(1, (size - 1) * s - 2 * p + d * (k - 1) + 1) for size, k, s, p, d in settings]
            continue
        before, after = call.input_shapes[0][-axes:], call.output_shapes[0][-axes:]
        if len(call.input_shapes[0]) != len(call.output_shapes[0]) or len(before) != axes:
            return None
        if before != after:
            # A function that halves the map, such as F.max_pool2d.
            sizes = [size * -(-old // new) for size, old, new in zip(sizes, before, after, strict=True)]
    return sizes


def shrinking(flow: Flow, call: CallRecord, axes: int) -> int:
    """By how much the map was made smaller at most on the way to a call: sides that are multiples of it pass evenly."""
    scales: dict[int, float] = {}
    most = 1.0
    for one in reversed(flow.back(call)):
        before = max((scales.get(id(source), 1.0) for source in flow.sources(one)), default=1.0)
        ratio = 1.0
        if one.input_shapes and one.output_shapes and len(one.input_shapes[0]) == len(one.output_shapes[0]) > axes:
            old, new = one.input_shapes[0][-1], one.output_shapes[0][-1]
            ratio = (
                round(old / new)
                if new and old > new * 1.4
                else 1 / round(new / old)
                if old and new > old * 1.4
                else 1.0
            )
        scales[id(one)] = before * ratio
        most = max(most, scales[id(one)])
    return round(most)

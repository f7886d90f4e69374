"""Results on meta that need no torch: of tensors joined, convolutions and recurrences, which it works out in Python.

Only for plain calls: where anything is unusual, or would be refused, torch is asked.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import conv_flop_count

from inspector.core.fields import Shape
from inspector.engine.pytorch import window_calls  # noqa: F401 - registers the readers of convolutions
from inspector.engine.pytorch.op_calls import read_call


class Known(NamedTuple):
    """New tensors, and the floating-point operations that making them takes."""

    tensors: list[tuple[Shape, Shape]]
    """The shape and the strides of each."""
    dtype: torch.dtype
    flops: int = 0
    several: bool = False
    """Whether they come as a tuple, as one tensor does not."""


QUICKER_THAN_LOOKED_UP = {torch.cat}
"""Functions of many tensors: a rule takes less than putting together what they all are."""


def known_result(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Known | None:
    """What a call returns; None where torch has to say."""
    rule = _RULES.get(func)
    try:
        return None if rule is None else rule(func, args, kwargs)
    except Exception:  # written in an unusual way, or wrongly: torch says which
        return None


@lru_cache(1024)
def contiguous_strides(shape: Shape) -> Shape:
    """The strides of a tensor that lies in memory row by row."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _joined(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Known | None:
    tensors, *rest = args
    dim = rest[0] if rest else kwargs.get("dim", 0)
    if (
        len(rest) + len(kwargs) > 1
        or kwargs.keys() - {"dim"}
        or type(dim) is not int
        or type(tensors) not in (list, tuple)
        or not tensors
    ):
        return None
    first = tensors[0]
    if not all(map(_is_plain, tensors)) or not -first.ndim <= dim < first.ndim:
        return None
    axis = dim % first.ndim
    before, after = first.shape[:axis], first.shape[axis + 1 :]
    length = 0
    for tensor in tensors:
        shape = tensor.shape
        if tensor.dtype != first.dtype or shape[:axis] != before or shape[axis + 1 :] != after:
            return None
        length += shape[axis]
    return Known([_contiguous((*before, length, *after))], first.dtype)


def _convolved(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Known | None:
    reading = read_call(func, args, kwargs, [])
    if reading is None or any(type(value) is str for value in (*args, *kwargs.values())):
        return None
    settings: Any = reading.settings
    (image,), (weight, bias) = reading.operands, reading.weights
    axes = settings["axes"]
    groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
    tensors = [image, weight] if bias is None else [image, weight, bias]
    if image.ndim != axes + 2 or not all(map(_is_plain, tensors)) or len({each.dtype for each in tensors}) > 1:
        return None
    channels, taken = weight.shape[:2]
    fits = image.shape[1] == taken * groups and channels % groups == 0 and image.dtype.is_floating_point
    if not fits or (bias is not None and bias.shape != (channels,)) or min(settings["padding"]) < 0:
        return None
    names = ("kernel", "stride", "padding", "padding_after", "dilation")
    sizes = []
    for size, k, s, p, q, d in zip(image.shape[2:], *(settings[name] for name in names), strict=True):
        if s < 1 or d < 1 or size + p + q < d * (k - 1) + 1:
            return None
        sizes.append((size + p + q - d * (k - 1) - 1) // s + 1)
    shape = (image.shape[0], channels, *sizes)
    flops = conv_flop_count(list(image.shape), list(weight.shape), list(shape))
    return Known([_contiguous(shape)], image.dtype, flops)


def _recurrent(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Known | None:
    """The sequence, then the last state of each layer and direction: torch on meta goes through it step by step."""
    if len(args) != 9 or kwargs or type(args[2]) not in (list, tuple):
        return None
    sequence, state, weights, has_biases, layers, _, _, both_ways, batch_first = args
    states = list(state) if type(state) in (list, tuple) else [state]
    directions = 2 if both_ways else 1
    tensors = [sequence, *states, *weights]
    if len(weights) != layers * directions * (4 if has_biases else 2) or not all(map(_is_plain, tensors)):
        return None
    if sequence.ndim != 3 or len({tensor.dtype for tensor in tensors}) > 1:
        return None
    steps, batch = (sequence.shape[1], sequence.shape[0]) if batch_first else sequence.shape[:2]
    hidden, flops = states[0].shape[-1], 0
    gates = _GATES[func] * hidden
    for number in range(layers * directions):
        taken = sequence.shape[2] if number < directions else hidden * directions
        own = weights[number * (4 if has_biases else 2) :][: 4 if has_biases else 2]
        if [tuple(each.shape) for each in own] != [(gates, taken), (gates, hidden), (gates,), (gates,)][: len(own)]:
            return None
        flops += 2 * steps * batch * (own[0].numel() + own[1].numel())
    last = (layers * directions, batch, hidden)
    if any(tuple(each.shape) != last for each in states):
        return None
    width = hidden * directions
    along = ((batch, steps, width), (width, batch * width, 1)) if batch_first else _contiguous((steps, batch, width))
    return Known([along, *[_contiguous(last)] * len(states)], sequence.dtype, flops, several=True)


def _contiguous(shape: Shape) -> tuple[Shape, Shape]:
    return shape, contiguous_strides(shape)


def _is_plain(tensor: Any) -> bool:
    if type(tensor) not in (torch.Tensor, nn.Parameter) or not tensor.is_meta:
        return False
    shape = tensor.shape
    return bool(shape) and 0 not in shape and tensor.stride() == contiguous_strides(shape)


_GATES = {torch.lstm: 4, torch.gru: 3, torch.rnn_tanh: 1, torch.rnn_relu: 1}
_RULES: dict[Any, Callable[[Any, tuple[Any, ...], dict[str, Any]], Known | None]] = {
    torch.cat: _joined,
    torch.conv1d: _convolved,
    torch.conv2d: _convolved,
    torch.conv3d: _convolved,
    **dict.fromkeys(_GATES, _recurrent),
}

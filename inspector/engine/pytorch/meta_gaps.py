"""What torch does on every device but meta."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from inspector.engine.pytorch import window_calls  # noqa: F401 - registers how the calls are read
from inspector.engine.pytorch.op_calls import arguments_of, each, rank_of

_TRANSPOSED = {
    torch.conv_transpose1d: 1,
    torch.conv_transpose2d: 2,
    torch.conv_transpose3d: 3,
    torch.nn.functional.conv_transpose1d: 1,
    torch.nn.functional.conv_transpose2d: 2,
    torch.nn.functional.conv_transpose3d: 3,
}


def refuse_as_elsewhere(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise what a transposed convolution does where channels or output padding do not fit; on meta it does not."""
    count = _TRANSPOSED.get(func)
    arguments = arguments_of(func, args, kwargs) if count is not None else None
    if count is None or arguments is None:
        return
    given, weight = arguments["input"], arguments["weight"]
    if rank_of(given) not in (count + 1, count + 2) or rank_of(weight) != count + 2:
        return
    channels, taken = given.shape[-count - 1], weight.shape[0]
    if channels != taken:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(given.shape)} to have "
            f"{taken} channels, but got {channels} channels instead"
        )
    extra, stride, dilation = (each(arguments[name], count) for name in ("output_padding", "stride", "dilation"))
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding: {extra}, stride: {stride}, dilation: {dilation}"
        )


_CONVOLUTIONS = {*_TRANSPOSED, torch.conv1d, torch.conv2d, torch.conv3d}
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def laid_out_as_elsewhere(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
    """A convolution's result with the channels last where its input or its weight has them so; on meta it has not."""
    if func not in _CONVOLUTIONS or not isinstance(result, torch.Tensor) or result.ndim not in _CHANNELS_LAST:
        return result
    arguments = arguments_of(func, args, kwargs)
    if arguments is None or not any(_has_channels_last(arguments[name]) for name in ("input", "weight")):
        return result
    return result.contiguous(memory_format=_CHANNELS_LAST[result.ndim])


def _has_channels_last(tensor: torch.Tensor) -> bool:
    """As torch decides it where strides leave a choice (``is_channels_last_strides_2d`` in ``c10``).

    From the channels over the last axis to the first, no step is smaller than all before it take together; and a tensor
    that is a single row of channels is not meant to be so.
    """
    if tensor.ndim not in _CHANNELS_LAST or 0 in tensor.shape or tensor.stride(1) == 0:
        return False
    taken = 0
    for axis in (1, *range(tensor.ndim - 1, 1, -1), 0):
        step = tensor.stride(axis)
        if step < taken or (axis == 0 and taken == tensor.stride(1)):
            return False
        taken = step * tensor.shape[axis]
    return True

"""What torch refuses on every device but meta."""

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

"""What torch refuses on every device but meta."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from inspector.engine.pytorch.op_calls import arguments_of, rank_of

_TRANSPOSED = {
    torch.conv_transpose1d: 1,
    torch.conv_transpose2d: 2,
    torch.conv_transpose3d: 3,
    torch.nn.functional.conv_transpose1d: 1,
    torch.nn.functional.conv_transpose2d: 2,
    torch.nn.functional.conv_transpose3d: 3,
}


def refuse_unfit_channels(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise what a transposed convolution does where its input has not the channels that its weight takes.

    On meta it puts out a shape all the same.
    """
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

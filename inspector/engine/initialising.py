"""Drawing a tensor's new values apart from the tensor, with random state of their own.

Copying the result into the tensor afterwards is what keeps ties, strides, low precision and undo intact.
"""

import contextlib
import math
import warnings
from collections.abc import Sequence

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.fans import Layout, correction, orthogonal_blocks
from inspector.core.initialisers import InitialiserCall, counts_as_torch, refusal, torch_arguments

SEED_STEP = 1_000_003
"""Between the seeds of neighbouring tensors of one edit; a prime, so that small seeds of two edits do not meet."""

OF_TORCH = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The dtypes that the functions of `torch.nn.init` draw in."""


def tensor_seed(seed: int, position: int) -> int:
    """The seed of the tensor at `position` in an edit's selection; the first one's is the edit's own."""
    return (seed + position * SEED_STEP) % 2**64


def draw(
    call: InitialiserCall,
    shape: Sequence[int],
    seed: int,
    *,
    double: bool = False,
    layout: Layout = Layout(),  # noqa: B008  # frozen
    like: torch.Tensor | None = None,
) -> torch.Tensor:
    """New values of this shape: float32, or float64 where `double`, contiguous, on the CPU.

    A call that counts as torch does is drawn in the dtype and the strides, and on the CUDA device, of the tensor
    `like`, on which torch's bits depend; where torch refuses such a tensor or its values overflow, as above.
    A matrix that is `input_first`, used as ``x @ w``, is drawn as its transpose is. The bits are those of
    ``torch.manual_seed(seed)`` followed by the function of `torch.nn.init`, times `correction` where the call asks for
    fans or a gain that torch does not have; the global random state is untouched. Raises RequestError where the
    initialiser does not suit the shape or the values are not finite.
    """
    reason = "layer_default is the layer's own, not a rule for a shape" if call.name == "layer_default" else None
    reason = reason or refusal(call, shape)
    if reason:
        raise RequestError(f"{call} cannot fill a tensor of shape {list(shape)}: {reason}")
    if like is not None and like.dtype in OF_TORCH and counts_as_torch(call):
        with contextlib.suppress(RuntimeError, ValueError):
            values = _filled(_empty_like(like), call, seed, layout).mul_(correction(call, shape, layout))
            if _finite(values):
                return values
    turned = layout.kind == "input_first" and len(shape) == 2
    drawn_shape = list(shape)[::-1] if turned else list(shape)
    try:
        empty = torch.empty(drawn_shape, dtype=torch.float64 if double else torch.float32, device="cpu")
        values = _filled(empty, call, seed, layout)
    except (RuntimeError, ValueError) as problem:
        raise RequestError(f"{call} on shape {list(shape)}: {str(problem).splitlines()[0]}") from None
    factor = correction(call, shape, layout)
    if factor != 1:
        values.mul_(factor)
    if not _finite(values):
        raise RequestError(f"{call} on shape {list(shape)} gives values that are not finite; choose smaller arguments")
    return values.t().contiguous() if turned else values


def fits(values: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether finite values stay finite in a dtype: float16 ends at 65504."""
    return _finite(values.to(dtype).to(values.dtype))


def _empty_like(like: torch.Tensor) -> torch.Tensor:
    device = like.device if like.is_cuda else "cpu"
    return torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=device)


def _filled(values: torch.Tensor, call: InitialiserCall, seed: int, layout: Layout) -> torch.Tensor:
    # sparse_ chooses its zeros by the global generator whatever it is given, hence the fork instead of a generator.
    cuda = [values.get_device()] if values.is_cuda else []
    with torch.random.fork_rng(devices=cuda), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        for block in values.chunk(orthogonal_blocks(call, layout)) if values.dim() else [values]:
            _fill(block, call)
    return values


def _fill(values: torch.Tensor, call: InitialiserCall) -> None:
    if call.name == "uniform_dead_zone":
        nn.init.uniform_(values, call.value("low"), call.value("high"))
        # Multiplied as d2l.ai does, so that negative values leave its −0.0 behind.
        values.mul_(values.abs() >= call.value("dead"))
    elif call.name == "lsuv":
        nn.init.orthogonal_(values)
    else:
        getattr(nn.init, call.name)(values, **torch_arguments(call))


def _finite(values: torch.Tensor) -> bool:
    return values.numel() == 0 or all(math.isfinite(float(edge)) for edge in values.aminmax())

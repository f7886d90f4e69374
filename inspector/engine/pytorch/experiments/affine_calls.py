"""Which function calls are affine in what they are given, tried out where it is not known."""

from collections.abc import Callable
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES
from inspector.engine.pytorch.experiments.operations import MATRIX_PRODUCTS, name_of
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.tensor_calls import is_pointwise

TOLERANCE = 1e-4
"""Of the largest value: how far an affine function in float32 may be from additive."""
_AFFINE = {
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "getitem", "cat",
    "stack", "add", "sub", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_avg_pool3d", "mean", "sum", "chunk", "split", "expand",
}  # fmt: skip
_NOT_AFFINE = {
    "instance_norm", "group_norm", "layer_norm", "rms_norm", "max_pool1d", "max_pool2d", "max_pool3d", "softmax",
    "log_softmax", "lstm", "gru", "scaled_dot_product_attention", "multi_head_attention_forward",
}  # fmt: skip
_WRITING = {"setitem", "set"}
_ASKING = {"size", "dim", "len", "item", "tolist", "is_floating_point", "numel"}
"""They give no tensor."""
_FEW = 64


def is_affine(
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    varies: Callable[[torch.Tensor], bool],
    generator: torch.Generator,
) -> bool:
    """Whether f(a + b) − f(a) − f(b) + f(0) vanishes for two random a, b in the place of the tensors that vary."""
    name = name_of(func)
    varying = [tensor for tensor in tensors_in((args, kwargs)) if varies(tensor)]
    known = False if name in _ASKING else _known(func, args, kwargs, varying)
    if known is not None:
        return known
    if name in _WRITING or not all(tensor.is_floating_point() for tensor in varying):
        return False
    drawn = {
        key: {
            id(tensor): torch.randn(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)
            for tensor in varying
        }
        for key in ("a", "b")
    }
    in_place = getattr(func, "__name__", "").endswith("_")

    def at(*keys: str) -> torch.Tensor | None:
        def value(tensor: torch.Tensor) -> torch.Tensor:
            if not varies(tensor):
                return tensor.clone() if in_place else tensor
            total = torch.zeros_like(tensor, memory_format=torch.contiguous_format)
            for key in keys:
                total += drawn[key][id(tensor)]
            return total

        changed_args, changed_kwargs = with_tensors((args, kwargs), value)
        return next(tensors_in(func(*changed_args, **changed_kwargs)), None)

    try:
        both, a, b, zero = at("a", "b"), at("a"), at("b"), at()
    except NO_FAILURES:
        raise
    except BaseException:
        return False
    if both is None or a is None or b is None or zero is None or not both.is_floating_point():
        return False
    largest = max([float(each.abs().max()) for each in (both, a, b, zero) if each.numel()], default=0.0)
    return bool(((both - a - b + zero).abs() <= TOLERANCE * largest).all())


def _known(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], varying: list[torch.Tensor]) -> bool | None:
    """What needs no trial on tensors of the full size; None where it does."""
    name = name_of(func)
    if name in _NOT_AFFINE:
        return False
    if not all(tensor.is_floating_point() for tensor in varying):
        return False
    if name in _AFFINE or (name in MATRIX_PRODUCTS and len(varying) == 1):
        return True
    if name == "batch_norm":
        return not (kwargs.get("training") or (len(args) > 5 and args[5]))
    alone = len(varying) == 1 and len(list(tensors_in((args, kwargs)))) == 1
    if not alone or not is_pointwise(func) or len(args) == 0 or args[0] is not varying[0]:
        return None
    dtype = varying[0].dtype
    a, b = torch.linspace(-9, 7, _FEW, dtype=dtype), torch.linspace(-2, 13, _FEW, dtype=dtype).flip(0)
    try:
        both, one, other, zero = (func(each, *args[1:], **kwargs) for each in (a + b, a.clone(), b.clone(), 0 * a))
        largest = float(torch.stack([both, one, other, zero]).abs().max())
        return bool(((both - one - other + zero).abs() <= TOLERANCE * largest).all())
    except (RuntimeError, TypeError, ValueError):
        return None

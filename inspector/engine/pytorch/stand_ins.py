"""Stand-ins on meta for the tensors that a model holds: without values, and so without memory and arithmetic."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy


class NeedsValuesError(Exception):
    """The model asked for the value of a tensor that has none in this pass."""


@contextmanager
def values_are_missing() -> Iterator[None]:
    """Raise NeedsValuesError where torch says that something cannot be done without values."""
    try:
        yield
    except NotImplementedError as problem:
        raise NeedsValuesError(str(problem)) from problem
    except (RuntimeError, TypeError, ValueError) as problem:
        if "meta" in str(problem):
            raise NeedsValuesError(str(problem)) from problem
        raise


@contextmanager
def stand_ins(modules: list[nn.Module], dtype: torch.dtype | None = None, for_meta_too: bool = False) -> Iterator[None]:
    """Tensors on meta in the places of those that the modules of a model hold, one for each, so ties stay ties.

    With `dtype` those of floating parameters and buffers have it; with `for_meta_too` no tensor stands for itself.
    """
    made: dict[int, torch.Tensor] = {}
    places: list[tuple[dict[str, Any], str, torch.Tensor]] = []
    for module in modules:
        registered: list[dict[str, Any]] = [module._parameters, module._buffers]
        for held in registered:
            for name, tensor in held.items():
                if tensor is None or tensor.layout != torch.strided or (tensor.is_meta and not for_meta_too):
                    continue
                if id(tensor) not in made:
                    made[id(tensor)] = _stand_in(tensor, dtype)
                places.append((held, name, tensor))
    for module in modules:
        # What a module holds without having registered it; where it is registered elsewhere, it is the same tensor.
        for name, tensor in module.__dict__.items():
            if type(tensor) in _OTHERS:  # nearly all: a class of tensors takes its time to say that one is not of it
                continue
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
                if id(tensor) not in made:
                    made[id(tensor)] = _stand_in(tensor, None)
                places.append((module.__dict__, name, tensor))
    try:
        for held, name, tensor in places:
            held[name] = made[id(tensor)]
        yield
    finally:
        for held, name, tensor in places:
            held[name] = tensor


_OTHERS = {dict, bool, type(None), int, float, str, tuple, list, set, OrderedDict}


def as_meta(tensor: torch.Tensor) -> torch.Tensor:
    """A stand-in without values: same shape, strides and dtype."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _stand_in(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if is_lazy(tensor):
        # Loading gives the very object a shape, which cannot be taken back from it.
        kind: Callable[..., torch.Tensor] = type(tensor)
        return kind(requires_grad=tensor.requires_grad, device="meta", dtype=tensor.dtype)
    meta = as_meta(tensor)
    if dtype is not None and tensor.is_floating_point():
        meta = meta.to(dtype)
    return nn.Parameter(meta, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else meta

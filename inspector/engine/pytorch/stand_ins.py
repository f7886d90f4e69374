"""Stand-ins on meta for the tensors that a model holds: without values, and so without memory and arithmetic."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

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
    registered = [
        place
        for place in registered_places(modules)
        if place.tensor.layout == torch.strided and (for_meta_too or not place.tensor.is_meta)
    ]
    known = {id(place.tensor) for place in registered}
    # What a module holds without having registered it; where it is registered elsewhere, it is the same tensor.
    others = [
        HeldIn(module.__dict__, name, tensor)
        for module in modules
        for name, tensor in module.__dict__.items()
        # Nearly all are none: a class of tensors takes its time to say that one is not of it.
        if type(tensor) not in _OTHERS and isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
    ]
    with replaced([*registered, *others], lambda tensor: _stand_in(tensor, dtype if id(tensor) in known else None)):
        yield


class HeldIn(NamedTuple):
    """A tensor in a dictionary of a module."""

    names: dict[str, Any]
    name: str
    tensor: torch.Tensor


def registered_places(modules: list[nn.Module]) -> list[HeldIn]:
    """Where the modules hold their parameters and buffers."""
    registries: list[dict[str, Any]] = [held for module in modules for held in (module._parameters, module._buffers)]
    return [HeldIn(held, name, tensor) for held in registries for name, tensor in held.items() if tensor is not None]


@contextmanager
def replaced(places: list[HeldIn], change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """What `change` makes of tensors in their places, one for each tensor, so that ties stay ties."""
    made: dict[int, torch.Tensor] = {}
    for place in places:
        if id(place.tensor) not in made:
            made[id(place.tensor)] = change(place.tensor)
    try:
        for place in places:
            place.names[place.name] = made[id(place.tensor)]
        yield
    finally:
        for place in places:
            place.names[place.name] = place.tensor


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

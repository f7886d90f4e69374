"""The tensors in what a function is given and returns."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested tuples, lists, dictionaries and dataclasses, in order; not those without a shape yet."""
    if type(value) in _TENSORS:
        return iter((value,))
    found: list[torch.Tensor] = []
    _collect(value, found)
    return iter(found)


def with_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same structure with other tensors in it; what holds none is kept as it is."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(with_tensors(part, change) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(with_tensors(part, change) for part in value)
    if isinstance(value, dict):
        # A copy keeps what else a class of dictionaries has, such as attributes of the same names.
        copied = copy.copy(value)
        for name, part in value.items():
            copied[name] = with_tensors(part, change)
        return copied
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        changed = copy.copy(value)
        for name in value.__dataclass_fields__:
            # Past a frozen class's own refusal: it is a copy, which nobody has seen.
            object.__setattr__(changed, name, with_tensors(getattr(value, name, None), change))
        return changed
    return value


def named_tensors(value: Any, name: str) -> list[tuple[str, torch.Tensor]]:
    """The tensors of a nested value, each with the Python expression that reaches it from `name`."""
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if isinstance(value, dict):
        return [pair for key, part in value.items() for pair in named_tensors(part, f"{name}[{key!r}]")]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [pair for key in value._fields for pair in named_tensors(getattr(value, key), f"{name}.{key}")]
    if isinstance(value, list | tuple):
        return [pair for at, part in enumerate(value) for pair in named_tensors(part, f"{name}[{at}]")]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        fields = value.__dataclass_fields__
        return [pair for key in fields for pair in named_tensors(getattr(value, key, None), f"{name}.{key}")]
    return []


def any_tensor(value: Any) -> bool:
    """Whether there is a tensor in a value."""
    return next(tensors_in(value), None) is not None


def _collect(value: Any, found: list[torch.Tensor]) -> None:
    kind = type(value)
    if kind in _TENSORS:
        found.append(value)
    elif kind in _WITHOUT_TENSORS:
        return
    elif isinstance(value, _SEQUENCES):
        for part in value:
            # Most are tensors and plain numbers: a call less for each.
            if type(part) in _TENSORS:
                found.append(part)
            elif type(part) not in _WITHOUT_TENSORS:
                _collect(part, found)
    elif isinstance(value, torch.Tensor):
        if not nn.parameter.is_lazy(value):
            found.append(value)
    elif isinstance(value, dict):
        for part in value.values():
            _collect(part, found)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        for name in value.__dataclass_fields__:
            _collect(getattr(value, name, None), found)
    elif isinstance(value, nn.utils.rnn.PackedSequence):
        found.append(value.data)


_TENSORS = {torch.Tensor, nn.Parameter}
"""Lazy parameters are of other classes."""
_SEQUENCES = (tuple, list, set)
_WITHOUT_TENSORS = {type(None), int, float, bool, str, torch.dtype, torch.device, torch.Size}


def shapes_in(value: Any) -> list[list[int]]:
    """The shapes of the tensors in a value."""
    return shapes_of(list(tensors_in(value)))


def shapes_of(tensors: list[torch.Tensor]) -> list[list[int]]:
    """Their shapes; nested tensors, which have none, are left out."""
    try:
        return [list(tensor.shape) for tensor in tensors]
    except RuntimeError:
        return [list(tensor.shape) for tensor in tensors if not tensor.is_nested]

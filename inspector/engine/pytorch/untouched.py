"""Looking at a model changes nothing in it: what a pass may change is put back afterwards."""

import collections
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.places import modules_of, own_tensors

VALUES_KEPT_BELOW = 1 << 29
"""Parameters are copied before a real pass where all of them are smaller than this many bytes; buffers always."""
_MUTABLE = {list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict, collections.Counter}
MOST_CONTAINERS = 100_000
_OF_MODULES = frozenset(nn.Module().__dict__)
"""What every module has."""
_REGISTRIES = tuple(name for name, value in nn.Module().__dict__.items() if type(value) in _MUTABLE)
"""Of these its registries and hooks, which hold no containers."""


_Kept = list[tuple[torch.Tensor, torch.Tensor]]
"""Tensors and copies of them."""
_kept_throughout: dict[int, _Kept] = {}
"""Of models whose values an enclosing `values_untouched_throughout` will put back, by their identity."""


@contextmanager
def untouched(model: nn.Module, values: bool = False) -> Iterator[None]:
    """Put every module's attributes, flags, tensors and gradients back on leaving.

    With `values` also what the tensors hold, which only a pass on real values can change.
    """
    attributes = [_Attributes(module) for module in modules_of(model)]
    kept: _Kept = []
    if values and id(model) not in _kept_throughout:
        kept = _kept_values(model)
    elif values and not _kept_throughout[id(model)]:
        _kept_throughout[id(model)] = _kept_values(model)
    try:
        yield
    finally:
        for saved in attributes:
            saved.restore()
        _put_back(kept)


@contextmanager
def values_untouched_throughout(model: nn.Module) -> Iterator[None]:
    """Many passes: what the tensors hold is copied once, before the first that may change it, and put back at last."""
    if id(model) in _kept_throughout:
        yield
        return
    _kept_throughout[id(model)] = []
    try:
        yield
    finally:
        _put_back(_kept_throughout.pop(id(model)))


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Put back which modules are in train mode, also those that TorchScript keeps to itself."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            if module.training != training:
                module.training = training


def _put_back(kept: _Kept) -> None:
    with torch.no_grad():
        for tensor, copy in kept:
            if not torch.equal(tensor, copy) or tensor.is_floating_point():
                tensor.detach().copy_(copy)


class _Attributes:
    """One module's ``__dict__``, with what its lists, dictionaries and sets hold."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.own = dict(module.__dict__)
        self.contents: list[tuple[Any, Any]] = []
        self.empty: list[Any] = []
        for name in _REGISTRIES:
            value = self.own.get(name)
            if type(value) not in _MUTABLE:  # a scripted module has others, or none
                continue
            if value:
                self.contents.append((value, value.copy()))
            else:
                self.empty.append(value)
        others = (self.own[name] for name in self.own.keys() - _OF_MODULES)
        self.contents += [(value, value.copy()) for value in _containers(others)]
        parameters = [tensor for _, kind, tensor, _ in own_tensors(module) if kind == "parameter"]
        self.flags = [(tensor, tensor.requires_grad, tensor.grad) for tensor in parameters]

    def restore(self) -> None:
        held = self.module.__dict__
        if held.keys() != self.own.keys() or not all(map(is_, held.values(), self.own.values())):
            held.clear()
            held.update(self.own)
        if any(self.empty):
            for value in self.empty:
                value.clear()
        for value, copy in self.contents:
            if not _is_as_before(value, copy):
                value.clear()
                value.extend(copy) if isinstance(value, list | collections.deque) else value.update(copy)
        for tensor, requires_grad, gradient in self.flags:
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not gradient:
                tensor.grad = gradient


def _containers(values: Iterable[Any]) -> Iterator[Any]:
    """The lists, dictionaries and sets among values, those inside others too."""
    waiting: list[Any] = [value for value in values if type(value) in _MUTABLE or type(value) is tuple]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or len(seen) > MOST_CONTAINERS:
            continue
        seen.add(id(value))
        if type(value) is not tuple:
            yield value
        parts = value.values() if isinstance(value, dict) else value
        waiting += [part for part in parts if type(part) in _MUTABLE or type(part) is tuple]


def _is_as_before(value: Any, copy: Any) -> bool:
    """Whether a container holds the very same things in the same order."""
    if len(value) != len(copy) or not all(map(is_, value, copy)):
        return False
    return not isinstance(value, dict) or all(map(is_, value.values(), copy.values()))


def _kept_values(model: nn.Module) -> _Kept:
    tensors: list[torch.Tensor] = [tensor for tensor in model.buffers() if not tensor.is_meta]
    parameters = [tensor for tensor in model.parameters() if not (nn.parameter.is_lazy(tensor) or tensor.is_meta)]
    if sum(tensor.numel() * tensor.element_size() for tensor in parameters) < VALUES_KEPT_BELOW:
        tensors += parameters
    for module in modules_of(model):
        own = {name: value for name, value in module.__dict__.items() if name not in _OF_MODULES}
        tensors += [tensor for tensor in tensors_in(list(own.values())) if not tensor.is_meta]
    return [(tensor, tensor.detach().clone()) for tensor in tensors if not nn.parameter.is_lazy(tensor)]

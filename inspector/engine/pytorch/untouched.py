"""Looking at a model changes nothing in it: what a pass may change is put back afterwards."""

import collections
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.places import modules_of, own_parameters

VALUES_KEPT_BELOW = 1 << 29
"""Parameters are copied before a real pass where all of them are smaller than this many bytes; buffers always."""
_MUTABLE = {list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict, collections.Counter}
MOST_CONTAINERS = 100_000
_OF_MODULES = frozenset(nn.Module().__dict__)
"""What every module has: its registries and hooks hold no containers."""


_Kept = list[tuple[torch.Tensor, torch.Tensor]]
"""Tensors and copies of them."""
_kept_throughout: dict[int, _Kept] = {}
"""Of models whose values an enclosing `values_untouched_throughout` will put back, by their identity."""


@contextmanager
def untouched(model: nn.Module, values: bool = False) -> Iterator[list[nn.Module]]:
    """Put every module's attributes, flags, tensors and gradients back on leaving; gives the modules, each once.

    With `values` also what the tensors hold, which only a pass on real values can change.
    """
    modules = modules_of(model)
    attributes = [_Attributes(module) for module in modules]
    kept: _Kept = []
    if values and id(model) not in _kept_throughout:
        kept = _kept_values(model)
    elif values and not _kept_throughout[id(model)]:
        _kept_throughout[id(model)] = _kept_values(model)
    try:
        yield modules
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
        self.own = module.__dict__.copy()
        self.contents: list[tuple[Any, Any]] = []
        self.empty: list[Any] = []
        others = []
        for name, value in self.own.items():
            kind = type(value)
            if kind in _MUTABLE:
                if not value:
                    self.empty.append(value)
                elif name in _OF_MODULES:
                    self.contents.append((value, value.copy()))
                else:
                    others.append(value)
            elif kind is tuple:
                others.append(value)
        if others:
            self.contents += [(value, value.copy()) for value in _containers(others)]
        self.flags = [(tensor, tensor.requires_grad, tensor.grad) for tensor in own_parameters(module)]

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
    """The lists, dictionaries and sets among containers and tuples, and those inside them."""
    waiting = list(values)
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

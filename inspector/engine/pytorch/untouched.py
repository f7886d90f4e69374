"""Looking at a model changes nothing in it: what a pass may change is put back afterwards."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.held_state import MUTABLE, PLAIN, HeldState, is_as_before, lend_iterators
from inspector.engine.pytorch.lazy_copies import address, is_unwritten, lazy_copy
from inspector.engine.pytorch.places import modules_of, own_parameters

COPIED_BELOW = 1 << 29
"""Parameters on a GPU are copied at once where all of them are smaller than this many bytes."""
_OF_MODULES = frozenset(nn.Module().__dict__)
"""What every module has: its registries and hooks hold no containers."""


_Kept = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
"""Tensors, the memory they had, and copies of what it held."""
_kept_throughout: dict[int, _Kept] = {}
"""Of models whose values an enclosing `values_untouched_throughout` will put back, by their identity."""


@contextmanager
def untouched(model: nn.Module, values: bool = False, lazily: bool = True) -> Iterator[list[nn.Module]]:
    """Put every module's attributes, flags, tensors and gradients back on leaving; gives the modules, each once.

    With `values` also what the tensors hold, which only a pass on real values can change. Parameters are copied
    `lazily`: one that is written to after all moves to other memory.
    """
    modules = modules_of(model)
    attributes = [_Attributes(module) for module in modules]
    kept: _Kept = []
    if values and id(model) not in _kept_throughout:
        kept = _kept_values(model, attributes, lazily)
    elif values and not _kept_throughout[id(model)]:
        _kept_throughout[id(model)] = _kept_values(model, attributes, True)
    try:
        yield modules
    finally:
        _reshard(modules)
        for saved in attributes:
            saved.restore()
        _put_back(kept)


def _reshard(modules: list[nn.Module]) -> None:
    """Give modules of FSDP2 their shards back: which parameters they hold is also noted outside of them."""
    fsdp = sys.modules.get("torch.distributed.fsdp")
    if fsdp is not None:
        for module in modules:
            if isinstance(module, fsdp.FSDPModule):
                module.reshard()


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
        for tensor, memory, copy in kept:
            if _is_elsewhere(tensor, memory):
                tensor.data = memory
            if not is_unwritten(tensor, copy) and (not torch.equal(tensor, copy) or tensor.is_floating_point()):
                tensor.detach().copy_(copy)


def _is_elsewhere(tensor: torch.Tensor, memory: torch.Tensor) -> bool:
    """Whether a tensor was given other memory, as ``module.to(…)`` and ``parameter.data = …`` do."""
    if (tensor.dtype, tensor.device, tensor.layout) != (memory.dtype, memory.device, memory.layout):
        return True
    if tensor.layout != torch.strided:
        return False
    return (tensor.shape, tensor.stride(), address(tensor)) != (memory.shape, memory.stride(), address(memory))


class _Attributes:
    """One module's ``__dict__``, with all that is reachable from it."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.own = module.__dict__.copy()
        self.contents: list[tuple[Any, Any]] = []
        self.empty: list[Any] = []
        others = []
        for name, value in self.own.items():
            kind = type(value)
            if kind in PLAIN:
                continue
            if kind is list and all(type(part) in PLAIN for part in value):
                self.contents.append((value, value.copy()))
            elif name not in _OF_MODULES:
                if kind is not tuple or not all(type(part) in PLAIN for part in value):
                    others.append(value)
            elif kind in MUTABLE:
                if value:
                    self.contents.append((value, value.copy()))
                else:
                    self.empty.append(value)
        self.held = HeldState(others) if others else None
        if others:
            lend_iterators(module.__dict__)
        self.flags = [(tensor, tensor.requires_grad, tensor.grad) for tensor in own_parameters(module)]

    def restore(self) -> None:
        held = self.module.__dict__
        if held.keys() != self.own.keys() or not all(map(is_, held.values(), self.own.values())):
            held.clear()
            held.update(self.own)
        if any(self.empty):
            for value in self.empty:
                value.clear()
        for value, kept in self.contents:
            if not is_as_before(value, kept):
                value.clear()
                value.extend(kept) if isinstance(value, list) else value.update(kept)
        if self.held is not None:
            self.held.restore()
        for tensor, requires_grad, gradient in self.flags:
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not gradient:
                tensor.grad = gradient


def _kept_values(model: nn.Module, attributes: list[_Attributes], lazily: bool) -> _Kept:
    others = [*model.buffers(), *(tensor for saved in attributes if saved.held for tensor in saved.held.tensors)]
    parameters = [tensor for tensor in model.parameters() if not (nn.parameter.is_lazy(tensor) or tensor.is_meta)]
    # On a GPU a copy takes no time, and what was captured in a graph knows where the parameters lie.
    elsewhere = sum(tensor.numel() * tensor.element_size() for tensor in parameters if tensor.device.type != "cpu")
    lazy = lazily and not 0 < elsewhere < COPIED_BELOW
    kept = [
        (tensor, tensor.data, _copy(tensor))
        for tensor in others
        if not (nn.parameter.is_lazy(tensor) or tensor.is_meta)
    ]
    return kept + [(tensor, tensor.data, lazy_copy(tensor) if lazy else _copy(tensor)) for tensor in parameters]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()

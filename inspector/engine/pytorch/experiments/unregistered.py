"""Modules and tensors that a module keeps where PyTorch does not look for them."""

import functools
import types
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.experiments.value_flow import leaves_of
from inspector.engine.pytorch.lines_about import class_line
from inspector.engine.pytorch.places import Place, holdings_of, modules_of, places_of
from inspector.engine.pytorch.registering_lines import registering_source
from inspector.engine.pytorch.source_lines import is_user_file

DEPTH = 3
"""How deep containers in containers are looked into."""
_REGISTRIES = set(nn.Module().__dict__)
_LIBRARIES = {"builtins", "torch", "torchvision", "numpy", "typing", "functools", "weakref", "threading", "logging"}

HiddenKind = Literal["module", "parameter", "leaf", "result", "constant", "numbers"]
"""A tensor that requires gradients is a Parameter, made so by hand, or the result of a computation; others are floats
or whole numbers."""


@dataclass(eq=False)
class Hidden:
    """What one attribute of a module keeps out of sight, all of one kind."""

    owner: Place
    attribute: str
    kind: HiddenKind
    on_class: bool
    container: str
    """The type of what the attribute holds them in; "" where it is the attribute itself."""
    types: list[str] = field(default_factory=list)
    """Of the modules, their classes."""
    tensors: list[torch.Tensor] = field(default_factory=list)
    """The tensors themselves, of modules their parameters and buffers."""
    dropouts: bool = False

    @property
    def identities(self) -> set[int]:
        """Of the tensors, and of those that results were computed from."""
        return {id(tensor) for tensor in self.tensors} | set(leaves_of(self.tensors))

    @property
    def can_be_wrapped(self) -> bool:
        """Whether the container holds these things themselves, and by names that a module can have."""
        value = object.__getattribute__(self.owner.module, "__dict__").get(self.attribute)
        if isinstance(value, dict):
            return all(isinstance(name, str) and "." not in name for name in value) and self._are_alike(value.values())
        return isinstance(value, list | tuple) and self._are_alike(value)

    def _are_alike(self, values: Iterable[Any]) -> bool:
        return all(isinstance(one, nn.Module if self.kind == "module" else nn.Parameter) for one in values)

    @property
    def path(self) -> str:
        """Where a person finds it."""
        return f"{self.owner.path}.{self.attribute}" if self.owner.path else self.attribute

    @property
    def source(self) -> Source | None:
        """The line that sets the attribute, else that of the class."""
        cls = type(self.owner.module)
        return registering_source(cls, self.attribute) or class_line(cls)


def unregistered(subject: Subject) -> list[Hidden]:
    """Everything that is kept so, by module and attribute; each thing once."""
    places = places_of(subject.module)
    registered = {id(module) for module in modules_of(subject.module)}
    holdings = holdings_of(places)
    known = {id(holding.tensor) for holding in holdings}
    found: dict[tuple[int, str, str], Hidden] = {}
    seen: set[int] = set()
    for place in places:
        if id(place.module) in seen:
            continue
        seen.add(id(place.module))
        for attribute, value, on_class in _attributes(place.module):
            container = "" if isinstance(value, nn.Module | torch.Tensor) else type(value).__name__
            for thing in _things(value, DEPTH):
                kind = _kind(thing, registered, known)
                if kind is None or id(thing) in seen:
                    continue
                seen.add(id(thing))
                hidden = found.setdefault(
                    (place.index, attribute, kind), Hidden(place, attribute, kind, on_class, container)
                )
                _add(hidden, thing)
    return [hidden for hidden in found.values() if hidden.tensors or hidden.dropouts]


def _add(hidden: Hidden, thing: Any) -> None:
    if isinstance(thing, torch.Tensor):
        hidden.tensors.append(thing)
        return
    hidden.types.append(type(thing).__name__)
    hidden.tensors += [*thing.parameters(), *thing.buffers()]
    hidden.dropouts |= any(isinstance(one, nn.modules.dropout._DropoutNd) for one in thing.modules())


def _kind(thing: Any, registered: set[int], known: set[int]) -> HiddenKind | None:
    if isinstance(thing, nn.Module):
        return None if id(thing) in registered else "module"
    if id(thing) in known or nn.parameter.is_lazy(thing):
        return None
    if isinstance(thing, nn.Parameter):
        return "parameter"
    if thing.requires_grad and thing.is_leaf:
        return "leaf"
    if thing.requires_grad:
        return None if set(leaves_of(thing)) <= known else "result"
    return "constant" if thing.is_floating_point() or thing.is_complex() else "numbers"


def _attributes(module: nn.Module) -> Iterator[tuple[str, Any, bool]]:
    """Attributes that are no registries, of the module and of its classes, and whether it is a class's."""
    own = object.__getattribute__(module, "__dict__")
    for name, value in own.items():
        if name not in _REGISTRIES and not (name.endswith("_hooks") or name == "_flat_weights"):
            yield name, value, False
    for cls in type(module).__mro__:
        if cls is nn.Module:
            break
        if cls.__module__.partition(".")[0] not in _LIBRARIES:
            for name, value in vars(cls).items():
                if not name.startswith("__") and not isinstance(value, types.FunctionType) and name not in own:
                    yield name, value, True


def _things(value: Any, depth: int) -> Iterator[Any]:
    """The modules and tensors that can be reached through containers, partials, closures and plain objects."""
    if isinstance(value, nn.Module | torch.Tensor):
        yield value
    elif depth > 0:
        for part in _parts(value):
            yield from _things(part, depth - 1)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values(), *(key for key in value if isinstance(key, nn.Module))]
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if isinstance(value, types.FunctionType):
        return _closed_over(value)
    if type(value).__module__.partition(".")[0] in _LIBRARIES or isinstance(value, type | types.ModuleType):
        return []
    own = getattr(value, "__dict__", None)
    return list(own.values()) if type(own) is dict else []


def _closed_over(function: types.FunctionType) -> list[Any]:
    if not is_user_file(function.__code__.co_filename):
        return []
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return found

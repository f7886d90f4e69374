"""Every place at which a module or a tensor is registered, whatever the user's classes override.

The registries are read from the instances themselves: a ``__getattr__``, ``__len__``, ``named_children`` or
``parameters`` that misbehaves is never asked.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


class Place(msgspec.Struct, frozen=True):
    """A module where its parent registers it. A module registered twice has two places."""

    index: int
    parent: int | None
    path: str
    """Its name in ``named_modules(remove_duplicate=False)``."""
    name: str
    """What the parent calls it; "" for the root."""
    position: int
    """Its place in the parent's registry, from 0; entries that are None count."""
    module: nn.Module
    depth: int


class Holding(msgspec.Struct, frozen=True):
    """A parameter or buffer where a module registers it."""

    key: str
    place: int
    """Index of the place of the module that registers it."""
    name: str
    kind: str
    """"parameter" or "buffer"."""
    tensor: Tensor
    persistent: bool


class Inventory(NamedTuple):
    """What a model holds, taken once for all that is told of it."""

    places: list[Place]
    holdings: list[Holding]
    identities: list[tuple[object, ...]]
    """Of each holding, as `identity` tells it."""


def inventory_of(model: nn.Module | Inventory) -> Inventory:
    """The inventory of a model; one that was taken already is returned as it is."""
    if isinstance(model, Inventory):
        return model
    places = places_of(model)
    holdings = holdings_of(places)
    return Inventory(places, holdings, [identity(holding.tensor) for holding in holdings])


def places_of(model: nn.Module) -> list[Place]:
    """All places of modules in preorder; a module registered somewhere inside itself is not entered again."""
    return list(_walk(model))


def modules_of(model: nn.Module) -> list[nn.Module]:
    """Every module once, in the order of ``modules()``, which takes many times as long."""
    found: dict[int, nn.Module] = {}
    waiting = [model]
    while waiting:
        module = waiting.pop()
        if id(module) not in found:
            found[id(module)] = module
            own = _own(module)
            children = own.get("_modules")
            if type(children) is not dict:
                children = dict(_registry(own, "_modules"))
            if children:
                waiting += [child for child in reversed(children.values()) if child is not None]
    return list(found.values())


def first_tensor(model: nn.Module) -> Tensor | None:
    """The first parameter or buffer in the order of the state_dict."""
    return next((tensor for place in _walk(model) for _, _, tensor, _ in own_tensors(place.module)), None)


def _walk(model: nn.Module) -> Iterator[Place]:
    index = 0
    ancestors: list[int] = []
    entered: set[int] = set()
    waiting: list[tuple[int | None, str, str, int, nn.Module, int]] = [(None, "", "", 0, model, 0)]
    while waiting:
        parent, path, name, position, module, depth = waiting.pop()
        entered.difference_update(ancestors[depth:])
        ancestors[depth:] = [id(module)]
        entered.add(id(module))
        yield Place(index, parent, path, name, position, module, depth)
        children = _registry(_own(module), "_modules")
        for place in range(len(children) - 1, -1, -1):
            child_name, child = children[place]
            # named_modules(remove_duplicate=False) would go round a cycle until Python stops it.
            if isinstance(child, nn.Module) and id(child) not in entered:
                child_path = f"{path}.{child_name}" if path else child_name
                waiting.append((index, child_path, child_name, place, child, depth + 1))
        index += 1


def holdings_of(places: list[Place]) -> list[Holding]:
    """All registered tensors in the order of the state_dict: per place the parameters, then the buffers."""
    found: list[Holding] = []
    for place in places:
        prefix = f"{place.path}." if place.path else ""
        for name, kind, tensor, persistent in own_tensors(place.module):
            found.append(Holding(prefix + name, place.index, name, kind, tensor, persistent))
    return found


def child_modules(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The registered children with their names, without those registered as None."""
    return [(name, child) for name, child in _registry(_own(module), "_modules") if isinstance(child, nn.Module)]


def child_module(module: nn.Module, name: str) -> Any:
    """The child registered under a name; None where there is none."""
    registry = _own(module).get("_modules")
    try:
        return None if registry is None else registry.get(name)
    except (AttributeError, TypeError):
        return None


def own_tensors(module: nn.Module) -> list[tuple[str, str, Tensor, bool]]:
    """Name, kind, tensor and persistence of what is registered directly on `module`."""
    own = _own(module)
    if not own.get("_parameters") and not own.get("_buffers"):
        return []
    found = [
        (name, "parameter", parameter, True)
        for name, parameter in _registry(own, "_parameters")
        if isinstance(parameter, Tensor)
    ]
    buffers = _registry(own, "_buffers")
    if buffers:
        unsaved = own.get("_non_persistent_buffers_set")
        unsaved = unsaved if isinstance(unsaved, set) else ()
        found += [(name, "buffer", each, name not in unsaved) for name, each in buffers if isinstance(each, Tensor)]
    return found


def own_parameters(module: nn.Module) -> list[Tensor]:
    """The parameters registered directly on `module`."""
    return _values(_own(module), "_parameters")


def own_buffers(module: nn.Module) -> list[Tensor]:
    """The buffers registered directly on `module`."""
    return _values(_own(module), "_buffers")


def empty_names(module: nn.Module) -> list[str]:
    """Names of parameters and buffers that `module` registers as None."""
    own = _own(module)
    return [name for kind in ("_parameters", "_buffers") for name, held in _registry(own, kind) if held is None]


def identity(tensor: Tensor) -> tuple[object, ...]:
    """What two places must share to be tied: the object, or the storage with offset, shape, stride and dtype.

    The identity holds while the tensor lives. A view with another shape or offset is another tensor.
    """
    if is_lazy(tensor) or tensor.layout != torch.strided:
        return (id(tensor),)
    try:
        # The address of the storage object, not of its data: tensors on "meta" and empty ones all have data at 0.
        storage = tensor.untyped_storage()._cdata
        return (storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
    except (RuntimeError, NotImplementedError, TypeError):
        return (id(tensor),)


def shape_of(tensor: Tensor) -> list[int] | None:
    """The shape; None where no pass has given the tensor one yet, and for nested tensors, which have none."""
    try:
        return None if is_lazy(tensor) else [int(size) for size in tensor.shape]
    except RuntimeError:
        return None


def elements_of(tensor: Tensor) -> int | None:
    """The number of elements; None where no pass has given the tensor a shape yet."""
    return None if is_lazy(tensor) else int(tensor.numel())


def bytes_of(tensor: Tensor) -> int | None:
    """The bytes that its elements take; None where no pass has given the tensor a shape yet."""
    return None if is_lazy(tensor) else int(tensor.numel() * tensor.element_size())


def _registry(own: dict[str, Any], name: str) -> list[tuple[str, Any]]:
    registry = own.get(name)
    try:
        return [(str(key), value) for key, value in registry.items()] if registry is not None else []
    except (AttributeError, TypeError, ValueError):
        return []


def _values(own: dict[str, Any], name: str) -> list[Tensor]:
    registry = own.get(name)
    if not registry and type(registry) is dict:
        return []
    values = registry.values() if type(registry) is dict else [value for _, value in _registry(own, name)]
    return [value for value in values if isinstance(value, Tensor)]


def _own(module: nn.Module) -> dict[str, Any]:
    own: dict[str, Any] = object.__getattribute__(module, "__dict__")
    # A module that torch.jit.trace made keeps nothing itself, but all in the scripted module behind it.
    behind = own.get("_actual_script_module")
    if behind is not None and isinstance(behind, torch.jit.ScriptModule):
        own = object.__getattribute__(behind, "__dict__")
    return own

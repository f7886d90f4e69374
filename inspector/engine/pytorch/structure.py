"""The static structure of a PyTorch model: one row per place at which a module is registered, before any pass."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from inspector.core.errors import RequestError
from inspector.core.table import Row, Totals
from inspector.engine.pytorch.places import (
    Holding,
    Inventory,
    Place,
    bytes_of,
    child_module,
    child_modules,
    elements_of,
    inventory_of,
    own_tensors,
    places_of,
)
from inspector.engine.pytorch.wrappers import wrapper_of

LONGEST_HYPERPARAMETERS = 160
_NOT_YET_KNOWN = re.compile(r"^0(?=,)|(?<=^in_features=)0(?=,)")
"""The input size that torch's lazy layers print as 0 until a pass has told them."""


def static_rows(model: nn.Module | Inventory) -> list[Row]:
    """One row per place in preorder; paths are the names of ``named_modules(remove_duplicate=False)``.

    A row counts what is registered on its module and below, each distinct tensor once within the row. Uninitialised
    tensors have no elements to count; rows above them are `lazy`.
    """
    inventory = inventory_of(model)
    places, holdings, identities = inventory
    own: list[list[int]] = [[] for _ in places]
    for number, holding in enumerate(holdings):
        own[holding.place].append(number)
    amounts = [_amounts(holding) for holding in holdings]
    parameters, trainable, buffers, lazy, parameter_bytes, buffer_bytes = _distinct_below(inventory, amounts)
    subtree = _sums_below(places, [1] * len(places))
    dtypes = _sets_below(places, [[holdings[n] for n in numbers] for numbers in own])
    shared = _shared(places, holdings, identities)
    described: dict[int, tuple[str, str]] = {}
    rows = []
    for place in places:
        module, index = place.module, place.index
        if id(module) not in described:
            described[id(module)] = (type_name(module), hyperparameters(module))
        own_parameters = {identities[n]: amounts[n][0] for n in own[index]}
        rows.append(
            Row(
                index=index,
                parent=place.parent,
                kind="module",
                path=place.path,
                type=described[id(module)][0],
                depth=place.depth,
                subtree=subtree[index],
                name=place.name,
                hyperparameters=described[id(module)][1],
                parameters=parameters[index],
                own_parameters=sum(own_parameters.values()),
                trainable_parameters=trainable[index],
                buffers=buffers[index],
                parameter_bytes=parameter_bytes[index],
                buffer_bytes=buffer_bytes[index],
                shared_with=[places[other].path for other in shared[index]],
                lazy=lazy[index] > 0,
                training=_is_training(module),
                container=container_of(module),
                wrapper=wrapper.token if (wrapper := wrapper_of(module)) else "",
                dtype=dtypes[index].dtype(),
                device=_in_order(dtypes[index].devices, _device_order),
            )
        )
    return rows


def totals_of(model: nn.Module | Inventory) -> Totals:
    """Sums over the model's distinct tensors; modules are counted once each, the model itself included."""
    places, holdings, identities = inventory_of(model)
    parameters: dict[tuple[object, ...], list[Tensor]] = defaultdict(list)
    buffers: dict[tuple[object, ...], list[Tensor]] = defaultdict(list)
    for holding, key in zip(holdings, identities, strict=True):
        distinct = parameters if holding.kind == "parameter" else buffers
        distinct[key].append(holding.tensor)
    trainable = [group for group in parameters.values() if any(tensor.requires_grad for tensor in group)]
    return Totals(
        parameters=sum(elements_of(group[0]) or 0 for group in parameters.values()),
        trainable_parameters=sum(elements_of(group[0]) or 0 for group in trainable),
        buffers=sum(elements_of(group[0]) or 0 for group in buffers.values()),
        parameter_bytes=sum(bytes_of(group[0]) or 0 for group in parameters.values()),
        buffer_bytes=sum(bytes_of(group[0]) or 0 for group in buffers.values()),
        modules=len({id(place.module) for place in places}),
    )


def type_name(module: nn.Module) -> str:
    """The class's name as the user knows it: a parametrized ``Conv2d`` is a Conv2d; a scripted or sharded one too."""
    cls = type(module)
    if parametrizations_of(module):
        return cls.__bases__[0].__name__
    # Asked only where someone has imported it: no module can be sharded before, and the import takes a second.
    fsdp = sys.modules.get("torch.distributed.fsdp")
    if fsdp is not None and fsdp.FSDPModule in cls.__bases__:
        return cls.__bases__[-1].__name__
    if isinstance(module, torch.jit.ScriptModule):
        try:
            return str(module.original_name)
        except Exception:  # a scripted module compiled without a class has none
            return cls.__name__
    return cls.__name__


def hyperparameters(module: nn.Module) -> str:
    """What the class says of itself in ``extra_repr()``, in one line, and how its tensors are parametrized.

    Never raises: "" where a user's extra_repr fails. Longer ones end in "…".
    """
    parts = [_extra_repr(module)]
    parts += [
        f"{name} by {' ∘ '.join(type_name(step) for step in reversed(steps))}"
        for name, steps in parametrizations_of(module).items()
    ]
    text = " · ".join(part for part in parts if part)
    if len(text) <= LONGEST_HYPERPARAMETERS:
        return text
    cut = text[: LONGEST_HYPERPARAMETERS - 1]
    return (cut[: cut.rindex(", ") + 1] if ", " in cut else cut) + "…"


def container_of(module: nn.Module) -> str:
    """How it names its children: "Sequential", "ModuleList", "ModuleDict", or "" for attributes."""
    for container in (nn.Sequential, nn.ModuleList, nn.ModuleDict):
        if isinstance(module, container):
            return container.__name__
    return ""


def parametrizations_of(module: nn.Module) -> dict[str, list[nn.Module]]:
    """Per parametrized tensor the modules that compute it, in the order they are applied."""
    registered = child_module(module, "parametrizations")
    if not isinstance(registered, nn.ModuleDict):
        return {}
    lists = child_modules(registered)
    if not all(isinstance(steps, ParametrizationList) for _, steps in lists):
        return {}
    return {name: [step for _, step in child_modules(steps)] for name, steps in lists}


@cache
def dtype_name(dtype: torch.dtype) -> str:
    """``float32`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


class _Kinds:
    """Devices and dtypes of some tensors."""

    def __init__(self, holdings: list[Holding]) -> None:
        self.devices = {str(holding.tensor.device) for holding in holdings}
        self.parameter_dtypes = {dtype_name(each.tensor.dtype) for each in holdings if each.kind == "parameter"}
        self.buffer_dtypes = {dtype_name(each.tensor.dtype) for each in holdings if each.kind == "buffer"}

    def absorb(self, other: "_Kinds") -> None:
        self.devices |= other.devices
        self.parameter_dtypes |= other.parameter_dtypes
        self.buffer_dtypes |= other.buffer_dtypes

    def dtype(self) -> str | None:
        # Counters such as num_batches_tracked would make every normalised network "float32, int64".
        return _in_order(self.parameter_dtypes or self.buffer_dtypes, lambda name: (name, 0))


def _in_order(names: set[str], order: Callable[[str], tuple[str, int]]) -> str | None:
    return ", ".join(sorted(names, key=order)) or None


def _device_order(name: str) -> tuple[str, int]:
    kind, _, index = name.partition(":")
    return kind, int(index) if index.isdigit() else -1


def _sets_below(places: list[Place], own: list[list[Holding]]) -> list[_Kinds]:
    kinds = [_Kinds(holdings) for holdings in own]
    for place in reversed(places):
        if place.parent is not None:
            kinds[place.parent].absorb(kinds[place.index])
    return kinds


def _sums_below(places: list[Place], amounts: list[int]) -> list[int]:
    sums = list(amounts)
    for place in reversed(places):
        if place.parent is not None:
            sums[place.parent] += sums[place.index]
    return sums


def _amounts(holding: Holding) -> tuple[int, ...]:
    """Elements of parameters, trainable parameters and buffers, whether it is lazy, bytes of parameters and buffers."""
    elements, size = elements_of(holding.tensor), bytes_of(holding.tensor) or 0
    if elements is None:
        return 0, 0, 0, 1, 0, 0
    if holding.kind == "parameter":
        return elements, elements if holding.tensor.requires_grad else 0, 0, 0, size, 0
    return 0, 0, elements, 0, 0, size


def _distinct_below(inventory: Inventory, amounts: list[tuple[int, ...]]) -> list[list[int]]:
    """For each of the amounts, per place the sum over the distinct tensors in its subtree, in linear time but for ties.

    Each holding adds at its place; of two of the same tensor that follow each other in preorder one is taken back at
    their lowest common ancestor, above which both would be counted.
    """
    places, holdings, identities = inventory
    kinds = range(len(amounts[0])) if amounts else range(6)
    at = [[0] * len(places) for _ in kinds]
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, (holding, key, own) in enumerate(zip(holdings, identities, amounts, strict=True)):
        groups.setdefault(key, []).append(number)
        for kind in kinds:
            if own[kind]:
                at[kind][holding.place] += own[kind]
    for numbers in groups.values():
        for kind in kinds if len(numbers) > 1 else ():
            counted = [number for number in numbers if amounts[number][kind]]
            for one, next_one in pairwise(counted):
                ancestor = _common_ancestor(places, holdings[one].place, holdings[next_one].place)
                at[kind][ancestor] -= amounts[next_one][kind]
    return [_sums_below(places, each) for each in at]


def _common_ancestor(places: list[Place], one: int, other: int) -> int:
    while one != other:
        # In preorder an ancestor has the lower index, so the higher one cannot be the common ancestor.
        if one < other:
            one, other = other, one
        parent = places[one].parent
        one = 0 if parent is None else parent
    return one


def _shared(places: list[Place], holdings: list[Holding], identities: list[tuple[object, ...]]) -> list[list[int]]:
    """Per place the other places of its module, and those whose module holds one of its own tensors."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in places:
        groups["module", id(place.module)].append(place.index)
    for holding, key in zip(holdings, identities, strict=True):
        if not groups[key] or groups[key][-1] != holding.place:
            groups[key].append(holding.place)
    shared: list[set[int]] = [set() for _ in places]
    for group in groups.values():
        if len(group) > 1:
            for index in group:
                shared[index].update(group)
    return [sorted(others - {index}) for index, others in enumerate(shared)]


def _is_training(module: nn.Module) -> bool:
    try:
        return bool(module.training)
    except Exception:  # a user's class may raise anything from its accessors
        return False


def _extra_repr(module: nn.Module) -> str:
    if isinstance(module, nn.ParameterList | nn.ParameterDict):
        return ""  # theirs is a table of the entries, a line each
    if isinstance(module, torch.jit.ScriptModule):
        return ""  # nothing but the name of its class
    if isinstance(module, nn.MultiheadAttention):  # has none
        return f"embed_dim={module.embed_dim}, num_heads={module.num_heads}"
    try:
        text = " ".join(str(module.extra_repr()).split())
    except Exception:  # a user's extra_repr may raise anything, for one while attributes are not set yet
        return ""
    if any(elements_of(tensor) is None for _, _, tensor, _ in own_tensors(module)):
        return _NOT_YET_KNOWN.sub("?", text)
    return text


def opaque_places(model: nn.Module | Inventory) -> list[str]:
    """Where a scripted or traced module holds others, the outermost of each."""
    found: list[str] = []
    for place in inventory_of(model).places:
        if isinstance(place.module, torch.jit.ScriptModule) and child_modules(place.module):
            inside = any(not outer or place.path.startswith(f"{outer}.") for outer in found)
            if not inside:
                found.append(place.path)
    return found


def submodule(model: nn.Module, path: str) -> nn.Module:
    """The module at a path of `named_modules()`. Raises RequestError where there is none."""
    found = next((place.module for place in places_of(model) if place.path == path), None)
    if found is None:
        raise RequestError(f"the model has no module {path!r}")
    return found

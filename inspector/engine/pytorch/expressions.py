"""The Python expression that reaches a module or tensor from ``model``, each step of it tried on the live model."""

import json
import keyword
import unicodedata
from collections.abc import Callable
from typing import Any

from torch import nn

from inspector.engine.pytorch.places import Holding, Place

_DEEPEST = 240
"""Steps after which an expression starts afresh: Python's parser refuses some 200 nested parentheses, and its
compiler expressions of some thousand steps. A step with parentheses counts three."""


class Expressions:
    """Expressions for the places of one model and the tensors in them.

    Evaluated with ``{"model": model}``, an expression gives that very object.
    """

    def __init__(self, places: list[Place]) -> None:
        self._places = places
        self._modules: list[tuple[str, int]] = []
        for place in places:
            self._modules.append(self._reach(place))

    def module(self, place: int) -> str:
        """The expression for the module at a place, ``model.stage1[0]``."""
        return self._modules[place][0]

    def tensor(self, holding: Holding) -> str:
        """The expression for a tensor, ``model.stage1[0].weight``."""
        prefix = self._modules[holding.place][0]
        owner = self._places[holding.place].module
        step = _step(owner, holding.name, None, holding.tensor)
        if step is not None:
            return step(prefix)
        return f"{prefix}._{holding.kind}s[{quoted(holding.name)}]"

    def _reach(self, place: Place) -> tuple[str, int]:
        if place.parent is None:
            return "model", 0
        prefix, cost = self._modules[place.parent]
        parent = self._places[place.parent].module
        if cost > _DEEPEST and _get_submodule(self._places[0].module, place.path) is place.module:
            return f"model.get_submodule({quoted(place.path)})", 3
        step = _step(parent, place.name, place.position, place.module)
        if step is None:
            return f"{prefix}._modules[{quoted(place.name)}]", cost + 1
        text = step(prefix)
        return text, cost + (3 if text.startswith("getattr(") else 1)


def quoted(name: str) -> str:
    """`name` as a Python string in double quotes."""
    return json.dumps(name, ensure_ascii=False)


def is_attribute_name(name: str) -> bool:
    """Whether ``x.name`` can be written and means `name`: Python normalises identifiers, so ``x.ﬁ`` reads ``x.fi``."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


def as_index(name: str) -> int | None:
    """The number that `name` spells in the way containers name their entries; None if it does not."""
    if not (name.isascii() and name.isdigit() and len(name) < 10):
        return None
    return int(name) if str(int(name)) == name else None


def _step(owner: nn.Module, name: str, position: int | None, target: object) -> Callable[[str], str] | None:
    """How to write the access to `target` after the owner's expression; None if no plain way gives that object."""
    index = as_index(name)
    if isinstance(owner, nn.Sequential | nn.ModuleList | nn.ParameterList) and index is not None:
        # Sequential walks to its i-th entry; where its own item access is in charge the position is known without.
        if position is not None and type(owner).__getitem__ in _ITEM_ACCESS and type(owner).__len__ in _LENGTH:
            fits = index == position
        else:
            fits = _gives(lambda: owner[index], target)
        if fits:
            return lambda prefix: f"{prefix}[{index}]"
    if isinstance(owner, nn.ModuleDict | nn.ParameterDict) and _gives(lambda: owner[name], target):
        return lambda prefix: f"{prefix}[{quoted(name)}]"
    if not _gives(lambda: getattr(owner, name), target):
        return None
    if is_attribute_name(name):
        return lambda prefix: f"{prefix}.{name}"
    return lambda prefix: f"getattr({prefix}, {quoted(name)})"


_ITEM_ACCESS: tuple[Any, ...] = (nn.Sequential.__getitem__, nn.ModuleList.__getitem__)
_LENGTH: tuple[Any, ...] = (nn.Sequential.__len__, nn.ModuleList.__len__)


def _gives(access: Callable[[], object], target: object) -> bool:
    try:
        return access() is target
    except Exception:  # a user's class may raise anything from its accessors
        return False


def _get_submodule(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except Exception:  # as above; a user's class may even override get_submodule
        return None

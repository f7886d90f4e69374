"""Pickled modules: the tree, each module's settings, and its tensors under the keys of its ``state_dict()``.

Nothing is imported: what a module is, is told by the dictionaries that every ``torch.nn.Module`` keeps, and of a
TorchScript archive by the names of its classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from inspector.files.catalog import CatalogModule, Setting
from inspector.files.inert_pickle import BrokenPickleError, Call
from inspector.files.pickled_text import SHOWN, encodable, key_text, path_of, type_name
from inspector.files.torch_mappings import entries_of
from inspector.files.torch_tensors import MAX_ELEMENTS, view

MAX_NESTING = 64
MAX_MODULES = 100_000
"""Visited, a module that is met at several paths at each."""
MAX_SETTINGS = 32
FAMILIES = ("_parameters", "_buffers", "_modules")

Family = Literal["parameter", "buffer"]
Families = Callable[[str], tuple[frozenset[str], frozenset[str]] | None]
"""From a TorchScript class to the names of its parameters and of its buffers."""


@dataclass(frozen=True, slots=True)
class Part:
    """A module within a pickled model."""

    path: str
    module: Call
    first: str | None
    """The path at which the same module was met before."""


def is_module(value: Any) -> bool:
    """Whether `value` is a pickled ``torch.nn.Module`` or a scripted one."""
    if not isinstance(value, Call) or not isinstance(value.state, dict):
        return False
    return value.state.keys() >= set(FAMILIES) or (value.path.startswith("__torch__.") and "training" in value.state)


def parts_of(model: Call, characters: int) -> Iterator[Part]:
    """The model and all modules in it, in the order of ``named_modules()``.

    Raises BrokenPickleError beyond the bounds, of which `characters` is that for all paths together.
    """
    met: dict[int, str] = {}
    waiting: list[tuple[str, Call, int]] = [("", model, 0)]
    visited = 0
    while waiting:
        path, module, depth = waiting.pop()
        children = _children(module)
        visited += 1 + len(children)
        characters -= sum(len(path) + len(name) for name, _ in children)
        if depth > MAX_NESTING or visited > MAX_MODULES or characters < 0:
            raise BrokenPickleError("modules nest without end")
        yield Part(path, module, met.get(id(module)))
        met.setdefault(id(module), path)
        dotted = f"{path}." if path else ""
        waiting += [(dotted + name, child, depth + 1) for name, child in reversed(children) if is_module(child)]


def tensors_in(part: Part, families: Families | None) -> Iterator[tuple[str, Any, Family | None, bool]]:
    """(key, record, family, whether the state_dict has it) of each tensor that the module itself holds."""
    dotted, state = f"{part.path}." if part.path else "", part.module.state
    if "_parameters" not in state:
        named = families(part.module.path) if families else None
        for key, value in state.items():
            if view(value) is not None:
                name = key_text(key)
                family: Family | None = None
                if named is not None:
                    family = "parameter" if name in named[0] else "buffer" if name in named[1] else None
                yield dotted + name, value, family, True
        return
    kept_out = {
        value for _, value in entries_of(state.get("_non_persistent_buffers_set")) or () if isinstance(value, str)
    }
    for name, value in entries_of(state["_parameters"]) or ():
        if value is not None:
            yield dotted + name, value, "parameter", True
    for name, value in entries_of(state["_buffers"]) or ():
        if value is not None:
            yield dotted + name, value, "buffer", name not in kept_out


def described(part: Part, container: list[str]) -> CatalogModule:
    """What the file says of one module."""
    from inspector.files.layer_formulas import layer_formula
    from inspector.files.layer_text import layer_text

    class_path = type_name(part.module)
    settings = dict(_settings(part.module.state))
    training = part.module.state.get("training")
    bias = bool(_parameter(part.module, "bias"))
    return CatalogModule(
        container=container,
        path=part.path,
        type=class_path.rpartition(".")[2],
        class_path=class_path,
        training=training if isinstance(training, bool) else None,
        settings=settings,
        hyperparameters=layer_text(class_path, settings, bias),
        shared_with=part.first,
        formula=layer_formula(class_path, settings),
    )


def _children(module: Call) -> list[tuple[str, Any]]:
    if "_modules" in module.state:
        return entries_of(module.state["_modules"]) or []
    return [(key_text(key), value) for key, value in module.state.items() if is_module(value)]


def _parameter(module: Call, name: str) -> Any:
    """The parameter of that name, None where the module has none."""
    held = entries_of(module.state.get("_parameters")) or ()
    return next((value for key, value in held if key == name), None)


def _settings(state: dict[Any, Any]) -> Iterator[tuple[str, Setting]]:
    found = 0
    for key, value in state.items():
        if not isinstance(key, str) or key.startswith("_") or key == "training":
            continue
        if path_of(value) == "torch.Size" and isinstance(value.args, tuple) and value.args:
            value = value.args[0]
        if isinstance(value, list | tuple) and len(value) <= 8 and all(_is_literal(item) for item in value):
            yield key_text(key), [_literal(item) for item in value]
        elif _is_literal(value):
            yield key_text(key), _literal(value)
        else:
            continue
        found += 1
        if found == MAX_SETTINGS:
            return


def _literal(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _is_literal(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= SHOWN
    if isinstance(value, int):
        return abs(value) <= MAX_ELEMENTS
    return value is None or isinstance(value, bool | float)

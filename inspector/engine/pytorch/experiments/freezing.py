"""Which parameters are frozen, and what was meant to freeze them and does not."""

import ast
import difflib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.table import Source
from inspector.engine.pytorch.experiments.gradient_flow import gradient_flow
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.places import Place, holdings_of, own_parameters, places_of
from inspector.engine.pytorch.source_edits import Edit, patch
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.pytorch.user_source import text_of, tree_of

SIMILARITY = 0.85
"""Of a name to ``requires_grad``, both without underscores and capitals, from which it is taken for a misspelling."""


@dataclass(frozen=True)
class Ineffective:
    """A statement about gradients that does nothing."""

    path: str
    """Of the module or the tensor that was given the attribute; "" where only the source tells."""
    name: str
    value: Any
    on_module: bool
    places: int
    contradicted: bool
    """Whether the parameters meant are not as the statement says."""
    source: Source | None
    patch: str


@dataclass(frozen=True)
class Freezing:
    """What is frozen, and what only seems so."""

    parameters: int
    """Distinct ones that could be trained."""
    elements: int
    frozen: tuple[str, ...]
    """Keys, each parameter once."""
    frozen_elements: int
    between: tuple[str, ...]
    """Paths of layers with a frozen weight that run after a trainable one and before another."""
    weights: int
    """How many layers with a weight run."""
    ineffective: tuple[Ineffective, ...]


def freezing(subject: Subject) -> Freezing:
    """Look at every parameter, and at the order in which layers run where that can be seen."""
    places = places_of(subject.module)
    distinct: dict[int, tuple[str, torch.Tensor]] = {}
    for holding in holdings_of(places):
        if holding.kind == "parameter" and (holding.tensor.is_floating_point() or holding.tensor.is_complex()):
            distinct.setdefault(id(holding.tensor), (holding.key, holding.tensor))
    frozen = [(key, tensor) for key, tensor in distinct.values() if not tensor.requires_grad]
    states = _weight_states(subject, places) if frozen and len(frozen) < len(distinct) else []
    trainable = [number for number, (_, is_trainable) in enumerate(states) if is_trainable]
    between = [
        path
        for number, (path, own) in enumerate(states)
        if trainable and not own and trainable[0] < number < trainable[-1]
    ]
    files = _user_files(places, subject.files)
    return Freezing(
        parameters=len(distinct),
        elements=sum(_elements(tensor) for _, tensor in distinct.values()),
        frozen=tuple(key for key, _ in frozen),
        frozen_elements=sum(_elements(tensor) for _, tensor in frozen),
        between=tuple(between),
        weights=len(states),
        ineffective=(*_ineffective(places, files), *_statements_without_effect(files)),
    )


def _weight_states(subject: Subject, places: list[Place]) -> list[tuple[str, bool]]:
    """The modules that own a weight of two axes or more, in the order in which they run, and whether it is trained."""
    try:
        passes = subject.of(gradient_flow).passes
    except RequestError:
        return []
    modules = {place.path: place.module for place in reversed(places)}
    found = []
    for path in passes[0].called:
        weights = [one for one in own_parameters(modules[path]) if one.dim() > 1] if path in modules else []
        if weights:
            found.append((path, any(one.requires_grad for one in weights)))
    return found


def _ineffective(places: list[Place], files: list[str]) -> Iterator[Ineffective]:
    """Attributes that were set where they say nothing to PyTorch, those of one name together."""
    found: dict[tuple[str, bool], list[tuple[str, Any, bool]]] = {}
    for place in places:
        own = object.__getattribute__(place.module, "__dict__")
        for name, value in own.items():
            if _is_meant_for_modules(name, place.module) and isinstance(value, bool):
                below = list(place.module.parameters())
                wrong = any(tensor.requires_grad != value for tensor in below)
                found.setdefault((name, True), []).append((place.path, value, wrong))
    for holding in holdings_of(places):
        for name, value in getattr(holding.tensor, "__dict__", {}).items():
            if _is_misspelt(name) and isinstance(value, bool):
                wrong = holding.tensor.requires_grad != value
                found.setdefault((name, False), []).append((holding.key, value, wrong))
    for (name, on_module), where in found.items():
        path, value, _ = where[0]
        source, mended = _assignment(files, name, on_module)
        wrong = any(contradicted for _, _, contradicted in where)
        yield Ineffective(path, name, value, on_module, len(where), wrong, source, mended)


def _statements_without_effect(files: list[str]) -> Iterator[Ineffective]:
    """Comparisons that stand alone: ``p.requires_grad == False``."""
    for file in files:
        tree = tree_of(file)
        for node in ast.walk(tree) if tree is not None else ():
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare)):
                continue
            left, compared = node.value.left, node.value
            if isinstance(left, ast.Attribute) and left.attr == "requires_grad" and len(compared.ops) == 1:
                assigned = f"{text_of(file, left)} = {text_of(file, compared.comparators[0])}"
                mended = patch(Edit(file, compared, assigned))
                yield Ineffective("", "requires_grad", None, False, 1, True, line_of(file, node.lineno), mended)


def _is_meant_for_modules(name: str, module: nn.Module) -> bool:
    if name in ("requires_grad", "requires_grad_") or _is_misspelt(name):
        return not _reads(type(module), name)
    return name == "trainable" and type(module).__module__.startswith("torch.")


def _reads(cls: type[nn.Module], name: str) -> bool:
    """Whether the class makes something of the attribute itself."""
    for owner in cls.__mro__:
        for function in vars(owner).values() if owner is not nn.Module else ():
            code = getattr(function, "__code__", None)
            if code is not None and is_user_file(code.co_filename) and _loads(code.co_filename, code.co_name, name):
                return True
    return False


def _loads(file: str, function: str, name: str) -> bool:
    tree = tree_of(file)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for one in ast.walk(node):
                if (
                    isinstance(one, ast.Attribute)
                    and one.attr == name
                    and isinstance(one.ctx, ast.Load)
                    and isinstance(one.value, ast.Name)
                    and one.value.id == "self"
                ):
                    return True
    return False


def _is_misspelt(name: str) -> bool:
    if name in ("requires_grad", "requires_grad_"):
        return False
    plain = name.replace("_", "").lower()
    return difflib.SequenceMatcher(None, plain, "requiresgrad").ratio() >= SIMILARITY


def _assignment(files: list[str], name: str, on_module: bool) -> tuple[Source | None, str]:
    """The first line that sets such an attribute, and the patch that says what was meant."""
    for file in files:
        tree = tree_of(file)
        for node in ast.walk(tree) if tree is not None else ():
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target = node.targets[0]
            if isinstance(target, ast.Attribute) and target.attr == name:
                owner, value = text_of(file, target.value), text_of(file, node.value)
                meant = f"{owner}.requires_grad_({value})" if on_module else f"{owner}.requires_grad = {value}"
                return line_of(file, node.lineno), patch(Edit(file, node, meant))
    return None, ""


def _user_files(places: list[Place], opened: list[str]) -> list[str]:
    """The files of the model's own classes and the one that was opened; not those of installed packages."""
    names = dict.fromkeys(cls.__module__ for place in places for cls in type(place.module).__mro__)
    files = [getattr(sys.modules.get(name), "__file__", None) for name in names]
    own = [file for file in files if file and is_user_file(file) and "site-packages" not in file]
    return list(dict.fromkeys(map(os.path.abspath, [*own, *opened])))


def _elements(tensor: torch.Tensor) -> int:
    return 0 if nn.parameter.is_lazy(tensor) else tensor.numel()

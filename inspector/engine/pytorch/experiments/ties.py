"""Parameters that are shared, that were to be shared and are not, and layers that start as copies of each other."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

import torch
from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.places import Holding, Place, holdings_of, identity, own_parameters, places_of
from inspector.engine.pytorch.source_lines import line_of, user_functions
from inspector.engine.pytorch.user_source import tree_of

SMALLEST = 16
"""Elements below which equal values may be chance or habit."""


@dataclass(frozen=True)
class LostTie:
    """Two parameters that were meant to be one."""

    first: str
    second: str
    why: Literal["stated", "copied", "memory"]
    """A line makes them one; they hold the same values; they look into the same memory, and are two all the same."""
    elements: int
    transposed: bool
    source: Source | None


@dataclass(frozen=True)
class Repeated:
    """One module registered several times by one parent."""

    path: str
    names: tuple[str, ...]
    type: str
    elements: int
    by_accident: bool
    """Whether the parent numbers its children, and has no others with parameters or they keep statistics."""


@dataclass(frozen=True)
class Alike:
    """Modules apart whose parameters are equal."""

    paths: tuple[str, ...]
    type: str
    elements: int


@dataclass(frozen=True)
class Ties:
    """What is shared and what is not."""

    lost: tuple[LostTie, ...]
    repeated: tuple[Repeated, ...]
    alike: tuple[Alike, ...]
    tied: tuple[tuple[str, ...], ...]
    """Keys of one and the same parameter that different modules hold."""


def ties(subject: Subject) -> Ties:
    """Look at identities, memory, values, and the lines that tie."""
    places = places_of(subject.module)
    parameters = [one for one in holdings_of(places) if one.kind == "parameter" and _has_values(one.tensor)]
    by_object: dict[int, list[Holding]] = {}
    for one in parameters:
        by_object.setdefault(id(one.tensor), []).append(one)
    distinct = [held[0] for held in by_object.values()]
    stated = list(_stated(places))
    told = {frozenset((one.first, one.second)) for one in stated}
    memory = [one for one in _same_memory(distinct) if frozenset((one.first, one.second)) not in told]
    alike, copied = _equal(distinct, places)
    copied = [one for one in copied if frozenset((one.first, one.second)) not in told]
    tied = tuple(tuple(one.key for one in held) for held in by_object.values() if len(held) > 1)
    return Ties((*stated, *memory, *copied), tuple(_repeated(places)), tuple(alike), tied)


def _same_memory(distinct: list[Holding]) -> Iterator[LostTie]:
    found: dict[tuple[object, ...], Holding] = {}
    for one in distinct:
        first = found.setdefault(identity(one.tensor), one)
        if first is not one:
            yield LostTie(first.key, one.key, "memory", one.tensor.numel(), False, None)


def _equal(distinct: list[Holding], places: list[Place]) -> tuple[list[Alike], list[LostTie]]:
    """Modules of a class that are equal throughout, and other parameters that are equal."""
    buckets: dict[tuple[object, ...], list[Holding]] = {}
    for one in distinct:
        key = _fingerprint(one.tensor)
        if key is not None:
            buckets.setdefault(key, []).append(one)
    pairs = []
    for bucket in buckets.values():
        first = bucket[0]
        for other in bucket[1:]:
            transposed = _are_equal(first.tensor, other.tensor)
            if transposed is not None and identity(first.tensor) != identity(other.tensor):
                pairs.append((first, other, transposed))
    groups: dict[tuple[str, type], list[str]] = {}
    sizes: dict[tuple[str, type], int] = {}
    copied = []
    for first, other, transposed in pairs:
        here, there = places[first.place], places[other.place]
        if type(here.module) is type(there.module) and first.name == other.name:
            key = here.path, type(here.module)
            group = groups.setdefault(key, [here.path])
            if there.path not in group:
                group.append(there.path)
                sizes[key] = sizes.get(key, 0) + sum(one.numel() for one in own_parameters(there.module))
        else:
            copied.append(LostTie(first.key, other.key, "copied", first.tensor.numel(), transposed, None))
    alike = [Alike(tuple(paths), key[1].__name__, sizes[key]) for key, paths in groups.items()]
    return alike, copied


def _fingerprint(tensor: torch.Tensor) -> tuple[object, ...] | None:
    """Equal for equal values, transposed ones too; None for what is too small or too even to tell."""
    if tensor.numel() < SMALLEST or not tensor.is_floating_point():
        return None
    values = tensor.detach()
    low, high = values.aminmax()
    if low == high:
        return None
    return tuple(sorted(values.shape)), values.dtype, float(low), float(high)


def _are_equal(first: torch.Tensor, other: torch.Tensor) -> bool | None:
    """Whether they are so transposed; None where they are not equal."""
    if first.shape == other.shape and torch.equal(first, other):
        return False
    if first.dim() == 2 and first.shape == other.shape[::-1] and torch.equal(first, other.t()):
        return True
    return None


def _repeated(places: list[Place]) -> Iterator[Repeated]:
    children: dict[int, list[Place]] = {}
    for place in places:
        if place.parent is not None and any(_has_values(one) for one in place.module.parameters()):
            children.setdefault(place.parent, []).append(place)
    told: set[tuple[int, int]] = set()
    for parent, with_parameters in children.items():
        by_module: dict[int, list[Place]] = {}
        for child in with_parameters:
            by_module.setdefault(id(child.module), []).append(child)
        for identity_, same in by_module.items():
            which = id(places[parent].module), identity_
            if len(same) == 1 or which in told:
                continue
            told.add(which)
            module, names = same[0].module, tuple(one.name for one in same)
            alone = len(by_module) == 1 or any(True for _ in module.buffers())
            yield Repeated(
                places[parent].path,
                names,
                type(module).__name__,
                sum(one.numel() for one in module.parameters()),
                alone and all(name.isdigit() for name in names),
            )


def _stated(places: list[Place]) -> Iterator[LostTie]:
    """Lines such as ``self.head.weight = self.embed.weight`` after which they are two."""
    seen: set[int] = set()
    for place in places:
        if id(place.module) in seen:
            continue
        seen.add(id(place.module))
        for function in user_functions(type(place.module)):
            for node, me in _tying_lines(function):
                target, value = node.targets[0], node.value
                made, meant = _reach(place.module, target, me), _reach(place.module, value, me)
                if (
                    isinstance(made, nn.Parameter)
                    and isinstance(meant, nn.Parameter)
                    and made is not meant
                    and made.shape == meant.shape
                    and identity(made) != identity(meant)
                ):
                    prefix = f"{place.path}." if place.path else ""
                    first, second = (prefix + ast.unparse(one).partition(".")[2] for one in (value, target))
                    source = line_of(function.__code__.co_filename, node.lineno)
                    yield LostTie(first, second, "stated", made.numel(), False, source)


def _tying_lines(function: FunctionType) -> Iterator[tuple[ast.Assign, str]]:
    """Assignments of one attribute to another that no condition and no loop surrounds, and what ``self`` is called."""
    code = function.__code__
    tree = tree_of(code.co_filename)
    if tree is None or not code.co_varnames:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            assignments = [one for one in node.body if isinstance(one, ast.Assign) and len(one.targets) == 1]
            for one in assignments if first == code.co_firstlineno else ():
                if isinstance(one.targets[0], ast.Attribute) and isinstance(one.value, ast.Attribute):
                    yield one, code.co_varnames[0]


def _reach(module: nn.Module, node: ast.expr, me: str) -> Any:
    """What ``self.a.b`` is now; None where that cannot be said."""
    if isinstance(node, ast.Name):
        return module if node.id == me else None
    if isinstance(node, ast.Attribute):
        owner = _reach(module, node.value, me)
        return getattr(owner, node.attr, None) if isinstance(owner, nn.Module) else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.UnaryOp):
        owner = _reach(module, node.value, me)
        try:
            return owner[ast.literal_eval(node.slice)]
        except (TypeError, ValueError, KeyError, IndexError):
            return None
    return None


def _has_values(tensor: torch.Tensor) -> bool:
    return not (nn.parameter.is_lazy(tensor) or tensor.is_meta) and tensor.layout == torch.strided

"""The parts of a model that no output comes from."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType

from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.experiments.gradient_flow import GradientFlow, gradient_flow
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.places import Place, places_of
from inspector.engine.pytorch.registering_lines import registering_source
from inspector.engine.pytorch.source_lines import user_functions


@dataclass(frozen=True)
class UnusedPart:
    """A module of which no parameter is used, or a single parameter."""

    path: str
    type: str
    """The module's class; "" for a parameter."""
    called: bool
    keys: list[str]
    elements: int
    modes: tuple[bool, ...]
    """Of the passes, whether each was in train mode."""
    excuse: str
    """Why it may be meant so; "" for no reason."""
    source: Source | None
    """The line that registers it."""


def unused_parts(subject: Subject) -> list[UnusedPart]:
    """The topmost unused modules and the unused parameters outside of them, in the model's order.

    Raises RequestError where no pass runs.
    """
    flow = subject.of(gradient_flow)
    cut_off = {key for one in flow.passes for key in one.cuts}
    unused = [key for key in flow.trainable if key not in flow.reached | flow.used | cut_off]
    if not unused:
        return []
    places = {place.path: place for place in reversed(places_of(subject.module))}
    grouped: dict[str, list[str]] = {}
    for key in unused:
        grouped.setdefault(_topmost(key, set(unused), flow), []).append(key)
    return [_part(path, keys, flow, places) for path, keys in grouped.items()]


def _topmost(key: str, unused: set[str], flow: GradientFlow) -> str:
    """The longest prefix below the root all of whose parameters are unused; the key itself where there is none."""
    parts = key.split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length])
        if all(one in unused for one in flow.trainable if one.startswith(prefix + ".")):
            return prefix
    return key


def _part(path: str, keys: list[str], flow: GradientFlow, places: dict[str, Place]) -> UnusedPart:
    place = places.get(path)
    parent_path, _, name = path.rpartition(".")
    parent = places[parent_path].module if parent_path in places else None
    return UnusedPart(
        path=path,
        type=type(place.module).__name__ if place is not None else "",
        called=any(one == path or one.startswith(path + ".") for one in flow.called),
        keys=keys,
        elements=sum(flow.elements[key] for key in keys),
        modes=tuple(one.training for one in flow.passes),
        excuse=_routed(path, flow) or (_used_elsewhere(type(parent), name) if parent is not None else ""),
        source=source_of(path, places),
    )


def source_of(path: str, places: dict[str, Place]) -> Source | None:
    """The line of the user's that registers a module or a tensor, or what holds it."""
    while path:
        parent, _, name = path.rpartition(".")
        if parent in places:
            found = registering_source(type(places[parent].module), name)
            if found is not None:
                return found
        path = parent
    return None


def _routed(path: str, flow: GradientFlow) -> str:
    """Whether which of its like are used changes from pass to pass, as a router's choice does."""
    container, _, name = path.rpartition(".")
    if not name.isdigit():
        return ""
    prefix = f"{container}." if container else ""
    used = []
    for one in flow.passes:
        names = {key.removeprefix(prefix).partition(".")[0] for key in one.used if key.startswith(prefix)}
        used.append(frozenset(each for each in names if each.isdigit()))
    return "others of its kind are used in some passes and not in others" if len(set(used)) > 1 else ""


def _used_elsewhere(cls: type[nn.Module], name: str) -> str:
    """Another method that uses it, or the branch of forward for an optional input."""
    for function in user_functions(cls):
        tree = _tree_of(function)
        if tree is None or function.__name__.startswith("__init") or "init" in function.__name__:
            continue
        optional = _optional(function)
        for node, tests in _uses(tree, function.__code__.co_varnames[:1], name, ()):
            if function.__name__ != "forward":
                return f"the method {function.__name__} uses it, which these passes do not call"
            names = {one.id for test in tests for one in ast.walk(test) if isinstance(one, ast.Name)}
            given = sorted(names & optional)
            if given and node is not None:
                return f"forward uses it where {given[0]} is given"
    return ""


def _uses(
    node: ast.AST, me: tuple[str, ...], name: str, tests: tuple[ast.expr, ...]
) -> Iterator[tuple[ast.AST, tuple[ast.expr, ...]]]:
    """Where ``self.name`` is read, each with the conditions around it."""
    if isinstance(node, ast.Attribute) and (node.attr, type(node.ctx)) == (name, ast.Load):
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id in me:
            yield node, tests
    inner = (*tests, node.test) if isinstance(node, ast.If | ast.IfExp) else tests
    for below in ast.iter_child_nodes(node):
        yield from _uses(below, me, name, inner)


def _tree_of(function: FunctionType) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError, ValueError):
        return None


def _optional(function: FunctionType) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.default is None or one.default is False}

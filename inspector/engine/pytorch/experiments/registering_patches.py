"""Patches that register what a module keeps out of sight."""

import ast
import inspect
import sys
from types import FunctionType
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.experiments.unregistered import Hidden
from inspector.engine.pytorch.source_edits import Edit, patch
from inspector.engine.pytorch.user_source import text_of, tree_of

_CONTAINERS = {
    ("module", "list"): "ModuleList",
    ("module", "tuple"): "ModuleList",
    ("module", "dict"): "ModuleDict",
    ("parameter", "list"): "ParameterList",
    ("parameter", "dict"): "ParameterDict",
}


def registering_patch(hidden: Hidden) -> str:
    """The patch; "" where the attribute is not set by one plain assignment, or is not so easily mended."""
    found = None if hidden.on_class else _assignment(hidden)
    if found is None:
        return ""
    file, statement, names = found
    value = statement.value
    if value is None:
        return ""
    nn_name = _name_of(nn, names) or (f"{torch_name}.nn" if (torch_name := _name_of(torch, names)) else "")
    written = text_of(file, value)
    container = _CONTAINERS.get((hidden.kind, hidden.container))
    if container and nn_name and hidden.can_be_wrapped:
        return patch(Edit(file, value, f"{nn_name}.{container}({written})"))
    if hidden.container:
        return ""
    if hidden.kind == "constant":
        me = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        owner = ast.unparse(me.value) if isinstance(me, ast.Attribute) else "self"
        return patch(Edit(file, statement, f'{owner}.register_buffer("{hidden.attribute}", {written})'))
    if hidden.kind == "leaf" and nn_name:
        return patch(Edit(file, value, f"{nn_name}.Parameter({written})"))
    if hidden.kind == "result" and nn_name:
        return _around_all(file, value, nn_name)
    return ""


def _around_all(file: str, value: ast.expr, nn_name: str) -> str:
    """Parameter(x) * 0.1 as Parameter(x * 0.1)."""
    made = [
        node
        for node in ast.walk(value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Parameter" and node.args
    ]
    if len(made) != 1:
        return ""
    whole, inner, start = text_of(file, value), text_of(file, made[0]), text_of(file, made[0].args[0])
    if whole.count(inner) != 1:
        return ""
    return patch(Edit(file, value, f"{nn_name}.Parameter({whole.replace(inner, start)})"))


def _assignment(hidden: Hidden) -> tuple[str, ast.Assign | ast.AnnAssign, dict[str, Any]] | None:
    """The one statement that sets the attribute, with the names that its file knows."""
    for cls in type(hidden.owner.module).__mro__:
        if cls is nn.Module:
            return None
        names = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
        found: list[tuple[str, ast.Assign | ast.AnnAssign]] = []
        for function in vars(cls).values():
            if isinstance(function, FunctionType):
                found += _assignments(function, hidden.attribute)
        if found:
            return (*found[0], names) if len(found) == 1 else None
    return None


def _assignments(function: FunctionType, attribute: str) -> list[tuple[str, ast.Assign | ast.AnnAssign]]:
    file = inspect.getsourcefile(function)
    tree = tree_of(file) if file else None
    code = function.__code__
    if tree is None or file is None or not code.co_varnames:
        return []
    me, first = code.co_varnames[0], code.co_firstlineno
    found: list[tuple[str, ast.Assign | ast.AnnAssign]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and _begins(node) == first:
            for one in ast.walk(node):
                if isinstance(one, ast.Assign | ast.AnnAssign):
                    targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                    if len(targets) == 1 and _is_attribute(targets[0], me, attribute):
                        found.append((file, one))
    return found


def _begins(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _is_attribute(node: ast.expr, me: str, attribute: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.value, ast.Name)
        and node.value.id == me
    )


def _name_of(thing: Any, names: dict[str, Any]) -> str:
    return next((name for name, value in names.items() if value is thing), "")

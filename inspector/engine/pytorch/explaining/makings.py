"""Where the user's code makes a module: the call in its source, and what the call is given."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from torch import nn

from inspector.engine.pytorch.source_lines import user_functions
from inspector.engine.pytorch.user_source import is_repeated, tree_of

_REGISTERS = {"add_module", "register_module", "register_parameter", "register_buffer"}


@dataclass(frozen=True)
class Making:
    """The call in the user's source that makes a module."""

    file: str
    call: ast.Call
    names: Mapping[str, Any]
    """Names of the module in which it stands."""
    is_shared: bool
    """Run for several modules of the model, so that a change for one changes the others."""

    @property
    def prefix(self) -> str:
        """What stands before the class: ``nn.``; "" where there is nothing that other layers could use too."""
        return f"{ast.unparse(self.call.func.value)}." if isinstance(self.call.func, ast.Attribute) else ""

    @property
    def called(self) -> Any:
        """What the call calls, by the names that it can see: a class, or a function; None where they do not say."""
        return _value(self.call.func, self.names)


def making_of(model: nn.Module, path: str) -> Making | None:
    """The call that made the module at `path`; None where the user's own source has no single one."""
    owner, steps = owner_of(model, path)
    if owner is None or not steps:
        return None
    module = model.get_submodule(path)
    found = [made for made in _assigned(owner, steps) if made.called is type(module)]
    if len(found) != 1:
        return None
    alike = sum(isinstance(other, type(owner)) for other in model.modules())
    return replace(found[0], is_shared=found[0].is_shared or alike > 1)


def calls_with(model: nn.Module, path: str, parameter: str) -> tuple[str, ast.expr, ast.Call, str] | None:
    """The one call in the constructor of the class that made `path` which gives a class this argument.

    Its file, the argument, the call and the name of the class.
    """
    owner, _ = owner_of(model, path)
    found = []
    for function, definition in _definitions(type(owner)) if owner is not None else ():
        for node in ast.walk(definition):
            cls = _value(node.func, function.__globals__) if isinstance(node, ast.Call) else None
            if isinstance(cls, type) and parameter in parameters_of(cls):
                argument = argument_of(node, cls, parameter)  # type: ignore[arg-type]  # a call, as it has a class
                if argument is not None:
                    found.append((function.__code__.co_filename, argument, node, cls.__name__))
    return found[0] if len(found) == 1 else None  # type: ignore[return-value]  # as above


def registered_value(model: nn.Module, key: str) -> tuple[str, ast.expr] | None:
    """File and expression of the one line that gives a parameter or buffer its value."""
    path, _, name = key.rpartition(".")
    found = []
    for function, definition in _definitions(type(model.get_submodule(path))):
        for node in ast.walk(definition):
            value = _registered(node, function.__code__.co_varnames[0], name)
            if value is not None:
                found.append((function.__code__.co_filename, value))
    return found[0] if len(found) == 1 else None


def class_definition(cls: type, name: str) -> tuple[str, ast.FunctionDef] | None:
    """File and syntax tree of a method of a user's class."""
    for function, definition in _definitions(cls):
        if function.__name__ == name:
            return function.__code__.co_filename, definition
    return None


def type_called(owner: type, method: str, call: ast.Call) -> type | None:
    """The class that a call in a method of a user's class makes something of; None where the source does not say."""
    for function, _ in _definitions(owner):
        if function.__name__ == method:
            made = _value(call.func, function.__globals__)
            return made if isinstance(made, type) else None
    return None


def argument_of(call: ast.Call, cls: Any, name: str) -> ast.expr | None:
    """The expression that a call gives for a constructor's argument; None where it gives none."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    names = list(parameters_of(cls))
    place = names.index(name) if name in names else len(call.args)
    before = call.args[: place + 1]
    return before[place] if len(before) > place and not any(isinstance(one, ast.Starred) for one in before) else None


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name."""
    try:
        found = dict(inspect.signature(cls).parameters)
    except (TypeError, ValueError):
        return {}
    if issubclass(cls, nn.RNNBase) and "input_size" not in found:
        # These take whatever arguments and hand them on, RNN one more between the others.
        found = dict(inspect.signature(nn.RNNBase).parameters)
        del found["mode"]
        if issubclass(cls, nn.RNN):
            kind = inspect.Parameter("nonlinearity", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="tanh")
            names = list(found)
            found = {name: found.get(name, kind) for name in [*names[:3], "nonlinearity", *names[3:]]}
    return found


def owner_of(model: nn.Module, path: str) -> tuple[nn.Module | None, list[str]]:
    """The nearest module above whose class has source of the user's own, and the names that lead down from it."""
    steps = path.split(".") if path else []
    for length in range(len(steps) - 1, -1, -1):
        above = model.get_submodule(".".join(steps[:length]))
        if any(user_functions(type(above))):
            return above, steps[length:]
    return None, []


def _definitions(cls: type) -> Iterator[tuple[FunctionType, ast.FunctionDef]]:
    """The functions of a user's class with their syntax trees."""
    for function in user_functions(cls):
        code = function.__code__
        tree = tree_of(code.co_filename) if code.co_varnames else None
        for node in ast.walk(tree) if tree is not None else ():
            if not isinstance(node, ast.FunctionDef) or node.name != function.__name__:
                continue
            if min([node.lineno, *(one.lineno for one in node.decorator_list)]) == code.co_firstlineno:
                yield function, node


def _assigned(owner: nn.Module, steps: list[str]) -> Iterator[Making]:
    """Calls assigned to ``self.name`` or registered under it in the owner's class, and then found below in them."""
    for function, definition in _definitions(type(owner)):
        file, me = function.__code__.co_filename, function.__code__.co_varnames[0]
        for node in ast.walk(definition):
            value = _registered(node, me, steps[0])
            inner = None if value is None else _descend(value, steps[1:], definition, function.__globals__)
            if isinstance(inner, ast.Call):
                yield Making(file, inner, function.__globals__, is_repeated(file, inner))


def _registered(node: ast.AST, me: str, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr == name and isinstance(target.value, ast.Name):
                return node.value if target.value.id == me else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 2:
        first = node.args[0]
        if node.func.attr in _REGISTERS and isinstance(first, ast.Constant):
            return node.args[1] if first.value == name else None
    return None


def _descend(node: ast.expr, steps: list[str], function: ast.FunctionDef, names: Mapping[str, Any]) -> ast.expr | None:
    """The expression for an entry of a container that is written out in the source."""
    if isinstance(node, ast.Name):
        assigned = [
            one.value
            for one in ast.walk(function)
            if isinstance(one, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
        ]
        return _descend(assigned[0], steps, function, names) if len(assigned) == 1 else None
    if not steps:
        return node
    if not isinstance(node, ast.Call):
        return None
    cls = _value(node.func, names)
    if not isinstance(cls, type) or not issubclass(cls, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        return None
    entries: Mapping[str, ast.expr] | None = None
    if issubclass(cls, nn.Sequential) and not (len(node.args) == 1 and _is_ordered(node.args[0], names)):
        entries = _entries(node.args, function)
    elif len(node.args) == 1:
        entries = _pairs(node.args[0], names) if not issubclass(cls, nn.ModuleList) else None
        if issubclass(cls, nn.ModuleList):
            entries = _entries([ast.Starred(value=node.args[0])], function)
    found = None if entries is None else entries.get(steps[0])
    return None if found is None else _descend(found, steps[1:], function, names)


def _entries(nodes: list[ast.expr], function: ast.FunctionDef) -> dict[str, ast.expr] | None:
    listed: list[ast.expr] = []
    for node in nodes:
        if not isinstance(node, ast.Starred):
            listed.append(node)
            continue
        inner = _list_items(node.value, function)
        if inner is None:
            return None
        listed += inner
    return {str(place): node for place, node in enumerate(listed)}


def _list_items(node: ast.expr, function: ast.FunctionDef) -> list[ast.expr] | None:
    """The items of a list that is written out, or built up line by line without loops or conditions."""
    if isinstance(node, ast.List | ast.Tuple):
        return None if any(isinstance(one, ast.Starred) for one in node.elts) else list(node.elts)
    if not isinstance(node, ast.Name):
        return None
    items: list[ast.expr] | None = None
    mentions = 0
    for statement in function.body:
        if isinstance(statement, ast.Assign) and _is_name(statement.targets[0], node.id):
            items, mentions = _list_items(statement.value, function), mentions + 1
        elif isinstance(statement, ast.AugAssign) and _is_name(statement.target, node.id):
            more = _list_items(statement.value, function)
            items, mentions = None if items is None or more is None else items + more, mentions + 1
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            called = statement.value
            if isinstance(called.func, ast.Attribute) and _is_name(called.func.value, node.id):
                if called.func.attr != "append" or items is None:
                    return None
                items, mentions = [*items, called.args[0]], mentions + 1
    written = [one for one in ast.walk(function) if _is_name(one, node.id)]
    # Each line above mentions it once, its use once more: any other mention may change it.
    return items if len(written) == mentions + 1 else None


def _pairs(node: ast.expr, names: Mapping[str, Any]) -> dict[str, ast.expr] | None:
    if isinstance(node, ast.Dict):
        return {key.value: value for key, value in zip(node.keys, node.values, strict=True) if _is_text(key)}  # type: ignore[union-attr]  # a constant
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
        if isinstance(node, ast.Dict):
            return _pairs(node, names)
    if isinstance(node, ast.List | ast.Tuple):
        pairs = [one.elts for one in node.elts if isinstance(one, ast.Tuple | ast.List) and len(one.elts) == 2]
        return {key.value: value for key, value in pairs if _is_text(key)}  # type: ignore[attr-defined]  # as above
    return None


def _is_ordered(node: ast.expr, names: Mapping[str, Any]) -> bool:
    called = _value(node.func, names) if isinstance(node, ast.Call) else None
    return isinstance(called, type) and issubclass(called, dict)


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What a name or a chain of attributes of Python modules means; None for all else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        return vars(owner).get(node.attr) if inspect.ismodule(owner) else None
    return None

"""Where the user's code makes a layer, and what to write there to make it otherwise."""

import ast
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import torch
from torch import nn

from inspector.core.table import Fix, SourceEdit
from inspector.engine.pytorch.explaining.user_source import (
    Edit,
    edited,
    function_around,
    is_repeated,
    text_of,
    tree_of,
)
from inspector.engine.pytorch.expressions import Expressions
from inspector.engine.pytorch.places import places_of
from inspector.engine.pytorch.source_lines import is_user_file

_INSTALLED = f"{os.sep}site-packages{os.sep}"


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


def making_of(model: nn.Module, path: str) -> Making | None:
    """The call that made the module at `path`; None where the user's own source has no single one."""
    owner, steps = owner_of(model, path)
    if owner is None or not steps:
        return None
    module = model.get_submodule(path)
    found = [made for made in _assigned(owner, steps) if _makes(made, module)]
    if len(found) != 1:
        return None
    alike = sum(isinstance(other, type(owner)) for other in model.modules())
    return replace(found[0], is_shared=found[0].is_shared or alike > 1)


def changed_layers(model: nn.Module, changes: Mapping[str, Mapping[str, object]], why: str = "") -> Fix:
    """Make modules, by their paths, with other constructor arguments."""
    edits: list[Edit] = []
    said, places, statements = [], [], []
    for path, settings in changes.items():
        module = model.get_submodule(path)
        said.append(_said(module, settings) + (f" of {path}" if len(changes) > 1 else ""))
        made = making_of(model, path)
        written = None if made is None or _INSTALLED in made.file else _settings_edits(model, path, made, settings)
        if written:
            edits += written
        elif statement := remade(model, path, settings):
            statements.append(statement)
        else:
            places.append(f"where {path or 'the model'} is made")
    text = f"{why}{'; '.join(said)}"
    return finished(text, edits, statements, places)


def reclassed(model: nn.Module, path: str, cls: type[nn.Module]) -> Fix | None:
    """Another class of torch's own, which takes the same arguments."""
    made = making_of(model, path)
    text = f"nn.{cls.__name__} instead of nn.{type(model.get_submodule(path)).__name__}"
    if made is not None and made.prefix and _INSTALLED not in made.file:
        return finished(text, [Edit(made.file, made.call.func, made.prefix + cls.__name__)])
    statement = remade(model, path, {})
    old = f"= nn.{type(model.get_submodule(path)).__name__}("
    return finished(text, [], [statement.replace(old, f"= nn.{cls.__name__}(")]) if statement else None


def finished(text: str, edits: list[Edit], statements: Sequence[str] = (), places: Sequence[str] = ()) -> Fix:
    """A fix with its edits as whole lines; its text tells them too."""
    lines = edited(edits)
    where = [f"line {one.line} of {os.path.basename(one.file)}: {_changed_lines(one)}" for one in lines]
    told = "; ".join([*where, *statements, *places])
    if any(one.before.count("\n") != one.after.count("\n") for one in lines):
        # The last line first: each can be made in turn, none moves the lines of the next.
        lines.reverse()
    return Fix(text=f"{text} — {told}" if told else text, edits=lines, statement="; ".join(statements))


def _changed_lines(edit: SourceEdit) -> str:
    before = edit.before.splitlines()
    return " ⏎ ".join(line.strip() for line in edit.after.splitlines() if line not in before)


def remade(model: nn.Module, path: str, settings: Mapping[str, object]) -> str:
    """A statement that puts another layer in the place of the one at `path`; "" where there is no way to write it."""
    made = constructor(model.get_submodule(path), settings)
    return statement_for(model, path, made) if made else ""


def statement_for(model: nn.Module, path: str, made: str) -> str:
    """A statement that puts what `made` makes in the place `path`; "" where there is no way to write it."""
    places = places_of(model)
    place = next((place for place in places if place.path == path), None)
    if place is None:
        above, _, name = path.rpartition(".")
        owner = next((place for place in places if place.path == above), None)
        target = "" if owner is None else f"{Expressions(places).module(owner.index)}.{name}"
    else:
        target = Expressions(places).module(place.index) if place.parent is not None else ""
    return "" if not target or target.startswith("getattr(") or target.endswith(")") else f"{target} = {made}"


def constructor(module: nn.Module, settings: Mapping[str, object]) -> str:
    """One of torch's own layers as the call that makes it, with other settings; "" for other classes."""
    cls = type(module)
    if getattr(nn, cls.__name__, None) is not cls:
        return ""
    written = []
    positional = True
    for name, parameter in parameters_of(cls).items():
        if name in ("device", "dtype") or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = settings.get(name, _setting(module, name))
        if name not in settings and parameter.default is None and getattr(module, name, _UNKNOWN) is None:
            value = None
        if value is _UNKNOWN or (parameter.default is not parameter.empty and value == parameter.default):
            positional = False
            continue
        required = parameter.default is parameter.empty
        written.append(literal(value) if required and positional else f"{name}={literal(value)}")
    return f"nn.{cls.__name__}({', '.join(written)})"


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


_UNKNOWN = object()
_REGISTERS = {"add_module", "register_module", "register_parameter", "register_buffer"}


def _setting(module: nn.Module, name: str) -> object:
    value = getattr(module, name, _UNKNOWN)
    if isinstance(value, torch.Tensor) or value is None:
        return value is not None
    return value[0] if isinstance(value, tuple) and value and len(set(value)) == 1 else value


def literal(value: object) -> str:
    """A setting as Python writes it."""
    if isinstance(value, torch.Size | list):
        value = tuple(value)
    if isinstance(value, tuple) and len(set(value)) == 1 and value:
        value = value[0]
    return repr(value)


def _said(module: nn.Module, settings: Mapping[str, object]) -> str:
    parts = []
    for name, value in settings.items():
        old = _setting(module, name)
        now = "" if old is _UNKNOWN or isinstance(old, bool) else f" instead of {literal(old)}"
        parts.append(f"{name}={literal(value)}{now}")
    return f"set {' and '.join(parts)}"


def _settings_edits(model: nn.Module, path: str, made: Making, settings: Mapping[str, object]) -> list[Edit] | None:
    """The edits that give a call other arguments; None where that would change other modules too."""
    cls = _value(made.call.func, made.names)
    edits: list[Edit] = []
    added = []
    for name, value in settings.items():
        node = argument_of(made.call, cls, name)
        text = literal(value)
        if made.is_shared:
            known = _expression_for(model, path, made, value, node)
            if known is None:
                return None
            text = known
        if node is not None:
            edits.append(Edit(made.file, node, text))
        else:
            added.append(f"{name}={text}")
    if added:
        source = text_of(made.file, made.call)
        if edits or any(keyword.arg is None for keyword in made.call.keywords):
            return None
        inner = source.rstrip()[:-1].rstrip().rstrip(",")
        comma = ", " if made.call.args or made.call.keywords else ""
        edits.append(Edit(made.file, made.call, f"{inner}{comma}{', '.join(added)})"))
    return edits


def argument_of(call: ast.Call, cls: Any, name: str) -> ast.expr | None:
    """The expression that a call gives for a constructor's argument; None where it gives none."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    names = list(parameters_of(cls))
    place = names.index(name) if name in names else len(call.args)
    before = call.args[: place + 1]
    return before[place] if len(before) > place and not any(isinstance(one, ast.Starred) for one in before) else None


def _expression_for(model: nn.Module, path: str, made: Making, value: object, wrong: ast.expr | None) -> str | None:
    """What the same constructor calls the number, where other layers of the owner are made with it.

    In code that makes several modules a number would be right for one only.
    """
    owner, _ = owner_of(model, path)
    if owner is None or isinstance(value, bool):
        return None
    prefix = next(name for name, module in model.named_modules() if module is owner)
    function = function_around(made.file, made.call)
    return known_names(model, prefix, function, wrong).get(value)


def known_names(
    model: nn.Module, owner_path: str, within: ast.AST | None = None, wrong: ast.expr | None = None
) -> dict[object, str]:
    """What a module's constructor calls the numbers with which it makes its layers: ``{64: "channels"}``."""
    owner, names = model.get_submodule(owner_path), dict[object, str]()
    for name, module in owner.named_modules():
        if not name or getattr(nn, type(module).__name__, None) is not type(module):
            continue
        made = making_of(model, f"{owner_path}.{name}" if owner_path else name)
        if made is None or (within is not None and function_around(made.file, made.call) is not within):
            continue
        for parameter in parameters_of(type(module)):
            node = argument_of(made.call, type(module), parameter)
            if node is not None and node is not wrong and not isinstance(node, ast.Constant):
                names.setdefault(_setting(module, parameter), ast.unparse(node))
    return names


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


# Finding the call


def owner_of(model: nn.Module, path: str) -> tuple[nn.Module | None, list[str]]:
    """The nearest module above whose class has source of the user's own, and the names that lead down from it."""
    steps = path.split(".") if path else []
    for length in range(len(steps) - 1, -1, -1):
        above = model.get_submodule(".".join(steps[:length]))
        if any(is_user_file(function.__code__.co_filename) for function in _functions(type(above))):
            return above, steps[length:]
    return None, []


def _functions(cls: type) -> Iterator[FunctionType]:
    for one in cls.__mro__:
        if one is nn.Module:
            return
        for value in vars(one).values():
            if isinstance(value, FunctionType) and not one.__module__.startswith("torch."):
                yield value


def _assigned(owner: nn.Module, steps: list[str]) -> Iterator[Making]:
    """Calls assigned to ``self.name`` or registered under it in the owner's class, and then found below in them."""
    for function, definition in _definitions(type(owner)):
        file, me = function.__code__.co_filename, function.__code__.co_varnames[0]
        for node in ast.walk(definition):
            value = _registered(node, me, steps[0])
            inner = None if value is None else _descend(value, steps[1:], definition, function.__globals__)
            if isinstance(inner, ast.Call):
                yield Making(file, inner, function.__globals__, is_repeated(file, inner))


def _definitions(cls: type) -> Iterator[tuple[FunctionType, ast.FunctionDef]]:
    """The functions of a user's class with their syntax trees."""
    for function in _functions(cls):
        code = function.__code__
        tree = tree_of(code.co_filename) if is_user_file(code.co_filename) and code.co_varnames else None
        for node in ast.walk(tree) if tree is not None else ():
            if not isinstance(node, ast.FunctionDef) or node.name != function.__name__:
                continue
            if min([node.lineno, *(one.lineno for one in node.decorator_list)]) == code.co_firstlineno:
                yield function, node


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


def _makes(made: Making, module: nn.Module) -> bool:
    """Whether the call is of the module's own class."""
    return _value(made.call.func, made.names) is type(module)


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What a name or a chain of attributes of Python modules means; None for all else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        return vars(owner).get(node.attr) if inspect.ismodule(owner) else None
    return None

"""Fixes that make a layer otherwise: other arguments in the user's source, or a statement that replaces it."""

import ast
import os
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from inspector.core.table import Fix, SourceEdit
from inspector.engine.pytorch.explaining.makings import Making, argument_of, making_of, owner_of, parameters_of
from inspector.engine.pytorch.expressions import Expressions
from inspector.engine.pytorch.places import places_of
from inspector.engine.pytorch.source_edits import Edit, edited
from inspector.engine.pytorch.user_source import function_around, text_of

_INSTALLED = f"{os.sep}site-packages{os.sep}"
_UNKNOWN = object()


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


def _settings_edits(model: nn.Module, path: str, made: Making, settings: Mapping[str, object]) -> list[Edit] | None:
    """The edits that give a call other arguments; None where that would change other modules too."""
    edits: list[Edit] = []
    added = []
    for name, value in settings.items():
        node = argument_of(made.call, made.called, name)
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


def _said(module: nn.Module, settings: Mapping[str, object]) -> str:
    parts = []
    for name, value in settings.items():
        old = _setting(module, name)
        now = "" if old is _UNKNOWN or isinstance(old, bool) else f" instead of {literal(old)}"
        parts.append(f"{name}={literal(value)}{now}")
    return f"set {' and '.join(parts)}"


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

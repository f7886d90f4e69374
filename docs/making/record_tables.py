"""Tables of the fields of records, made from their source: name, type, and the text below each field; and constants."""

import ast
import importlib
import inspect
import itertools
import json
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from making.markdown import as_text

_VALUE = re.compile(r"\{\{(?P<path>[\w.]+)\}\}")
_PLACE = re.compile(r"^<!-- records: (?P<paths>[\w. ]+) -->$", re.MULTILINE)


def with_tables(text: str) -> str:
    """A page with tables for each ``<!-- records: module.Class … -->``, and the number for each ``{{module.NAME}}``.

    Records that a field holds follow below, each once on a page.
    """
    told: set[type] = set()

    def tables(found: re.Match[str]) -> str:
        records = [one for path in found["paths"].split() for one in _with_parts(_named(path)) if one not in told]
        told.update(records)
        return "\n\n".join(_table(one) for one in dict.fromkeys(records))

    text = _PLACE.sub(tables, text)
    return _VALUE.sub(lambda found: f"{_named(found['path']):,}", text)


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _with_parts(record: type) -> Iterator[type]:
    """The record, then those that its fields hold."""
    met = {record: None}
    waiting = [record]
    while waiting:
        parts = [part for _, hint in _hints(waiting.pop(0)) for part in _records_in(hint)]
        new = [part for part in dict.fromkeys(parts) if part not in met]
        met.update(dict.fromkeys(new))
        waiting += new
    yield from met


def _records_in(hint: Any) -> Iterator[type]:
    if _is_record(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _records_in(part)


def _table(record: type) -> str:
    told = {name: text for parent in reversed(record.__mro__) if _is_record(parent) for name, text in _told(parent)}
    rows = [[f"`{name}`", _type(hint), *([_text(told.get(name, ""))] if told else [])] for name, hint in _hints(record)]
    head = ["field", "type", *(["meaning"] if told else [])]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(
        [f"### {record.__name__} {{#{_anchor(record)}}}", "", _text(inspect.getdoc(record) or ""), "", *lines]
    )


def _type(hint: Any) -> str:
    """What a field holds, in the words of JSON; a record as a link to its table."""
    arguments = typing.get_args(hint)
    if _is_record(hint):
        return f"[{hint.__name__}](#{_anchor(hint)})"
    match typing.get_origin(hint):
        case typing.Literal:
            return " or ".join(f"`{json.dumps(one)}`" for one in arguments)
        case typing.Union | types.UnionType:
            return " or ".join(map(_type, arguments))
        case origin if origin is dict:
            return f"object of {_type(arguments[1])}"
        case origin if origin is list:
            return f"list of {_type(arguments[0])}"
        case origin if origin is tuple:
            return f"list of {', '.join(_type(one) for one in arguments if one is not ...)}"
    return _NAMES[hint]


_NAMES = {str: "string", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "anything"}


def _anchor(record: type) -> str:
    return f"{record.__module__.rpartition('.')[2]}-{record.__name__}".lower()


def _hints(record: type) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(record)
    return [(field.name, hints[field.name]) for field in msgspec.structs.fields(record)]


def _is_record(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, msgspec.Struct) and hint is not msgspec.Struct


def _told(record: type) -> Iterator[tuple[str, str]]:
    """The fields of the record's own that have a text below them, with it."""
    for field, below in itertools.pairwise(_class(record.__module__, record.__name__).body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield ast.unparse(field.target), inspect.cleandoc(str(below.value.value))


@cache
def _class(module: str, name: str) -> ast.ClassDef:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    return next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)


def _text(docstring: str) -> str:
    """A docstring in Markdown, with null where Python has None."""
    return as_text(re.sub(r"\bNone\b", "null", " ".join(docstring.replace("``", "`").split())))

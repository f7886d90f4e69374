"""The line of a user's class that gives a module, parameter or buffer its name."""

import inspect
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType

from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.source_lines import is_user_file

_LONGEST = 80


def registering_line(cls: type[nn.Module], name: str) -> str | None:
    """The line in `cls`, or the class it inherits from, that assigns ``self.name`` or registers "name".

    As ``line 12 of net.py: self.features = nn.Sequential(``, or only the numbers where there are several; None where
    no class of the user's own has such a line.
    """
    found = _registering(cls, name)
    return _text(found) if found else None


def registering_source(cls: type[nn.Module], name: str) -> Source | None:
    """The first such line as a place in the source."""
    found = _registering(cls, name)
    return Source(file=found[0].file, line=found[0].number, text=found[0].text) if found else None


def _registering(cls: type[nn.Module], name: str) -> list["_Line"]:
    for owner in cls.__mro__:
        if owner is nn.Module:
            break
        if found := _lines_of(owner).own.get(name):
            return found
    return []


def adding_line(cls: type[nn.Module], name: str) -> str | None:
    """The one line in `cls` that calls ``add_module("name", …)`` of whatever module; None if there is not just one."""
    found = _lines_of(cls.__mro__[0]).added.get(name, [])
    return f"line {found[0].number} of {os.path.basename(found[0].file)}" if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines by the name they give: to something of ``self``, and to a child of any module."""

    own: dict[str, list[_Line]]
    added: dict[str, list[_Line]]


_ASSIGNMENT = r"^\s*{me}\.(\w+)\s*(?::[^=]*)?=[^=]"
_REGISTRATION = r"""^\s*{me}\.(?:add_module|register_module|register_parameter|register_buffer)\(\s*["']([^"']+)["']"""
_ADDITION = re.compile(r"""\.(?:add_module|register_module)\(\s*["']([^"']+)["']""")


@lru_cache(maxsize=4096)
def _lines_of(owner: type) -> _Lines:
    lines = _Lines(defaultdict(list), defaultdict(list))
    functions = [value for value in vars(owner).values() if isinstance(value, FunctionType)]
    for function in functions:
        code = function.__code__
        if not code.co_varnames or not is_user_file(code.co_filename):
            continue
        try:
            texts, first = inspect.getsourcelines(function)
        except (OSError, TypeError, IndentationError, SyntaxError):
            continue
        me = re.escape(code.co_varnames[0])
        own = [re.compile(pattern.format(me=me)) for pattern in (_ASSIGNMENT, _REGISTRATION)]
        for number, text in enumerate(texts, start=first):
            line = _Line(code.co_filename, number, text.strip())
            for pattern in own:
                if match := pattern.match(text):
                    lines.own[match[1]].append(line)
            for match in _ADDITION.finditer(text):
                lines.added[match[1]].append(line)
    return lines


def _text(lines: list[_Line]) -> str:
    file = os.path.basename(lines[0].file)
    if len(lines) > 1:
        return f"lines {', '.join(str(line.number) for line in lines)} of {file}"
    text = lines[0].text
    return f"line {lines[0].number} of {file}: {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}"

"""Names of inputs that are parts of one argument: ``images[0]``, ``batch["image"]``, ``batch.image``.

They read as the Python expression that reaches the part, so a structure needs no notation of its own: a number in
brackets makes the argument a list, a text in brackets a dictionary, an attribute an object.
"""

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from inspector.core.errors import RequestError

PartKind = Literal["item", "key", "attribute"]


@dataclass(frozen=True)
class Part:
    """One step from a structure into it."""

    kind: PartKind
    name: str | int

    def __str__(self) -> str:
        if self.kind == "attribute":
            return f".{self.name}"
        return f"[{self.name}]" if self.kind == "item" else f'["{self.name}"]'


_PART = re.compile(r"""\.(?P<attribute>[^\W\d]\w*)|\[(?P<item>\d{1,9})\]|\[(?P<key>"[^"\\]*"|'[^'\\]*')\]""")
_HEAD = re.compile(r"[^\W\d]\w*")


def split_name(name: str) -> tuple[str, tuple[Part, ...]]:
    """The argument and the steps into it; a name that does not read so is an argument's as it stands."""
    head = _HEAD.match(name)
    if head is None:
        return name, ()
    parts, at = [], head.end()
    while at < len(name):
        found = _PART.match(name, at)
        if found is None:
            return name, ()
        at = found.end()
        if found["attribute"]:
            parts.append(Part("attribute", found["attribute"]))
        elif found["item"]:
            parts.append(Part("item", int(found["item"])))
        else:
            parts.append(Part("key", ast.literal_eval(found["key"])))
    return head[0], tuple(parts)


def argument_of(name: str) -> str:
    """The argument that an input is, or is a part of."""
    return split_name(name)[0]


def refuse_contradictions(names: Iterable[str]) -> None:
    """Raise RequestError where parts of one argument cannot be put together.

    They cannot where one is given twice, or as a whole and in parts, where parts are of several kinds, where numbers
    are left out, or where an attribute has a name that no attribute can have.
    """
    parts: dict[str, list[tuple[Part, ...]]] = {}
    for name in names:
        head, steps = split_name(name)
        if name:
            parts.setdefault(head, []).append(steps)
    for head, below in parts.items():
        _refuse(head, below)


def _refuse(whole: str, parts: Sequence[tuple[Part, ...]]) -> None:
    if len(parts) > 1 and not all(parts):
        twice = "given twice" if not any(parts) else "given as a whole and in parts"
        raise RequestError(f"--input {whole}=…: {whole} is {twice}; give one or the other")
    first = [steps[0] for steps in parts if steps]
    other = next((part for part in first if part.kind != first[0].kind), None)
    if other is not None:
        makes = f"{whole}{first[0]} makes {whole} {_MADE[first[0].kind]}, {whole}{other} {_MADE[other.kind]}"
        raise RequestError(f"--input {whole}{other}=…: {makes}; name all parts of {whole} in one way")
    below: dict[Part, list[tuple[Part, ...]]] = {}
    for steps in parts:
        if steps:
            below.setdefault(steps[0], []).append(steps[1:])
    _refuse_missing(whole, {part.name for part in below if isinstance(part.name, int)})
    for part, steps_below in below.items():
        if part.kind == "attribute" and not _is_attribute(str(part.name)):
            raise RequestError(f"--input {whole}{part}=…: no attribute can be called {part.name!r}; name it otherwise")
        _refuse(f"{whole}{part}", steps_below)


_MADE: dict[PartKind, str] = {"item": "a list", "key": "a dictionary", "attribute": "an object with attributes"}


def _refuse_missing(whole: str, items: set[int]) -> None:
    missing = next((number for number in range(len(items)) if number not in items), None)
    if missing is not None:
        last = max(items)
        raise RequestError(
            f"--input {whole}[{last}]=…: a list has no gaps, and {whole}[{missing}] is not given; "
            f"number the parts of {whole} from 0 on"
        )


def _is_attribute(name: str) -> bool:
    """Whether Python reads it as an attribute's name, and Python itself does not use it: not `class`, `__class__`."""
    if name.startswith("__") and name.endswith("__"):
        return False
    try:
        read = ast.parse(f"whole.{name}", mode="eval").body
    except SyntaxError:
        return False
    return isinstance(read, ast.Attribute) and read.attr == name

"""Names of inputs that are parts of one argument: ``images[0]``, ``batch["image"]``, ``batch.image``.

They read as the Python expression that reaches the part, so a structure needs no notation of its own: a number in
brackets makes the argument a list, a text in brackets a dictionary, an attribute an object.
"""

import ast
import re
from dataclasses import dataclass
from typing import Literal

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


_PART = re.compile(r"""\.(?P<attribute>[^\W\d]\w*)|\[(?P<item>\d+)\]|\[(?P<key>"[^"\\]*"|'[^'\\]*')\]""")
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

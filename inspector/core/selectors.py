"""Selectors: which tensors an edit means, as text.

``fc1.weight`` is a key, ``conv*.weight`` a pattern over keys (``*``, ``?``), ``module:stage1.0`` every tensor at or
below a module and ``type:Linear`` every tensor at or below the modules of a type. A key that exists is always taken as
it stands, so keys may hold spaces, brackets and stars.
"""

import difflib
import re
from typing import Literal

from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.table import Row, Tensor


class Selector(Record, frozen=True, kw_only=True):
    """A selector taken apart."""

    kind: Literal["key", "module", "type"]
    """`key`: a key or a pattern over keys; which of them shows only when it meets the keys."""
    text: str

    def __str__(self) -> str:
        """The selector as `parse_selector` reads it."""
        return self.text if self.kind == "key" else f"{self.kind}:{self.text}"


def parse_selector(text: str) -> Selector:
    """Read a key, a pattern, ``module:PATH`` (the root's path is empty) or ``type:NAME``.

    Raises RequestError where it is empty.
    """
    head, colon, rest = text.partition(":")
    if colon and head == "module":
        return Selector(kind="module", text=rest)
    if colon and head == "type" and rest:
        return Selector(kind="type", text=rest)
    if not text or (colon and head == "type"):
        raise RequestError(
            f"{text!r} selects nothing: write a key, a pattern such as conv*.weight, module:PATH or type:Linear"
        )
    return Selector(kind="key", text=text)


def select(selector: Selector, tensors: list[Tensor], rows: list[Row], buffers: bool = False) -> list[Tensor]:
    """The tensors it means, in their own order; without `buffers`, only parameters where it means any.

    A running mean is not to be drawn because ``*`` matches it, but ``*.running_mean`` alone selects it. Raises
    RequestError with what comes close where nothing matches.
    """
    if selector.kind == "module":
        found = _below([selector.text], tensors) if _is_place(selector.text, rows, tensors) else []
    elif selector.kind == "type":
        places = [row.path for row in rows if row.type == selector.text and row.kind != "function"]
        found = _below(places, tensors)
    else:
        found = _by_key(selector.text, tensors)
    if not found:
        raise RequestError(_nothing(selector, tensors, rows))
    parameters = [tensor for tensor in found if tensor.kind == "parameter"]
    return found if buffers or not parameters else parameters


def _is_place(path: str, rows: list[Row], tensors: list[Tensor]) -> bool:
    return path == "" or any(row.path == path for row in rows) or any(t.key.startswith(path + ".") for t in tensors)


def _below(paths: list[str], tensors: list[Tensor]) -> list[Tensor]:
    if "" in paths:
        return list(tensors)
    wanted = set(paths)
    return [tensor for tensor in tensors if not wanted.isdisjoint(_prefixes(tensor.key))]


def _prefixes(key: str) -> list[str]:
    """The key itself and every path that it may lie below; the key, for an ONNX node's initializers share its name."""
    return [key, *(key[:at] for at, character in enumerate(key) if character == ".")]


def _by_key(text: str, tensors: list[Tensor]) -> list[Tensor]:
    exact = [tensor for tensor in tensors if tensor.key == text]
    if exact or not re.search(r"[*?]", text):
        return exact
    # Unlike in fnmatch, brackets stand for themselves: they occur in keys.
    pattern = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)
    compiled = re.compile(pattern, re.DOTALL)
    return [tensor for tensor in tensors if compiled.fullmatch(tensor.key)]


def _nothing(selector: Selector, tensors: list[Tensor], rows: list[Row]) -> str:
    if selector.kind == "key":
        if any(row.path == selector.text and row.kind != "function" for row in rows):
            below = any(tensor.key.startswith(f"{selector.text}.") for tensor in tensors)
            meant = f"{selector.text}.*" if below else f"module:{selector.text}"
            return f"{selector.text!r} is a module, not a tensor; its tensors are {meant}"
        made_of = f"{'.'.join([*selector.text.split('.')[:-1], 'parametrizations', selector.text.split('.')[-1]])}."
        if any(tensor.key.startswith(made_of) for tensor in tensors):
            return f"{selector.text!r} is computed by a parametrization, from the tensors {made_of}*"
        what, known = "tensor", [tensor.key for tensor in tensors]
    elif selector.kind == "type":
        what, known = "type of module with tensors", [row.type for row in rows if row.kind != "function"]
    else:
        what, known = "module", [row.path for row in rows if row.kind != "function" and row.path]
    if not tensors:
        return f"{str(selector)!r} selects nothing: this model has no tensors"
    exists = selector.text in known or (selector.kind == "module" and selector.text == "")
    if exists:
        return f"{str(selector)!r} selects nothing: no tensors lie there"
    folded = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(selector.text.lower(), list(folded), n=3, cutoff=0.4)
    close = [folded[name] for name in matches]
    prefix = "" if selector.kind == "key" else f"{selector.kind}:"
    hint = f"did you mean {' or '.join(prefix + name for name in close)}?" if close else f"known are {_some(known)}"
    return f"{str(selector)!r} matches no {what}; {hint}"


def _some(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:5]) + (f" and {len(distinct) - 5} more" if len(distinct) > 5 else "")

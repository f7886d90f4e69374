"""A call that a pickle asks for, written as Python: text of bounded length, whatever the call holds."""

from itertools import islice
from typing import Any

from inspector.files.inert_pickle import Call, Global, Persistent
from inspector.files.pickled_text import encodable, text_of

MAX_LENGTH = 160
_DEPTH = 4
_ITEMS = 4
_LONGEST = 60
"""Characters of a text, bytes of bytes."""


def call_text(call: Call) -> str:
    """``posix.system('touch x')``, ``argparse.Namespace() with {'lr': 0.1}``; nothing is looked up or called."""
    text = encodable(_call(call, _DEPTH))
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _call(call: Call, depth: int) -> str:
    args = call.args if isinstance(call.args, tuple | list) else (call.args,)
    named = [f"{_named(key)}={_value(value, depth)}" for key, value in call.entries[:_ITEMS]]
    given = [*(_value(arg, depth) for arg in args[:_ITEMS]), *named]
    given += ["…"] * (len(args) > _ITEMS or len(call.entries) > _ITEMS)
    text = f"{_value(call.function, depth)}({', '.join(given)})"
    return text if call.state is None else f"{text} with {_value(call.state, depth)}"


def _named(key: Any) -> str:
    return key[:_LONGEST] if isinstance(key, str) else text_of(key)


def _value(value: Any, depth: int) -> str:
    if isinstance(value, str | bytes):
        return f"{value[:_LONGEST]!r}{'…' if len(value) > _LONGEST else ''}"
    if isinstance(value, Global | Persistent | int | float | None):
        return text_of(value)
    if depth <= 0:
        return "…"
    if isinstance(value, Call):
        return _call(value, depth - 1)
    more = ", …" if len(value) > _ITEMS else ""
    if isinstance(value, dict):
        pairs = (f"{_value(key, 0)}: {_value(one, depth - 1)}" for key, one in islice(value.items(), _ITEMS))
        return f"{{{', '.join(pairs)}{more}}}"
    items = ", ".join(_value(item, depth - 1) for item in value[:_ITEMS])
    if isinstance(value, list):
        return f"[{items}{more}]"
    return f"({items}{',' if len(value) == 1 else more})"

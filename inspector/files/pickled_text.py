"""Short texts for the inert records of a pickle: types, keys and values."""

from typing import Any

from inspector.files.inert_pickle import Call, Global, Persistent

SHOWN = 60
"""Characters of a text that are kept."""
SEQUENCES = {"builtins.set", "builtins.frozenset", "builtins.list", "torch.Size"}


def path_of(value: Any) -> str:
    """The dotted name of what `value` would have been made by, "" where it is no recorded call."""
    return value.path if isinstance(value, Call) else ""


def encodable(text: str) -> str:
    """The text with what cannot be encoded written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def type_name(value: Any) -> str:
    """The type of an inert record as the file names it."""
    if isinstance(value, Call):
        given = value.args[0] if isinstance(value.args, tuple) and value.args else None
        if value.path == "copyreg._reconstructor" and isinstance(given, Global):
            return encodable(given.path)
        # The formats from before 1.6 keep a module's class beside the pickle, with its source.
        kept = value.function.identity if isinstance(value.function, Persistent) else ()
        if isinstance(kept, tuple):
            named = next((part for part in kept[:2] if isinstance(part, Global)), None)
            if named is not None:
                return encodable(named.path)
        return encodable(value.path) or "object"
    return type(value).__name__


def key_text(key: Any) -> str:
    """The key of a mapping as text, whole where it is one."""
    return encodable(key) if isinstance(key, str) else text_of(key)


def text_of(value: Any) -> str:
    """A short text for anything; never walks into containers, which may be endless."""
    if isinstance(value, str):
        return encodable(value if len(value) <= SHOWN else value[: SHOWN - 1] + "…")
    if isinstance(value, bool | float | type(None)):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 256 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Global):
        return encodable(value.path)
    if isinstance(value, Persistent):
        return "a storage"
    if isinstance(value, Call) and value.path == "torch.device" and isinstance(value.args, tuple):
        return ":".join(encodable(str(part)) for part in value.args[:2] if isinstance(part, str | int))
    if path_of(value) == "torch.Size" and isinstance(value, Call) and isinstance(value.args, tuple) and value.args:
        return text_of(value.args[0])
    if (
        isinstance(value, list | tuple)
        and len(value) <= 8
        and all(isinstance(item, int | float | str) for item in value)
    ):
        return f"({', '.join(text_of(item) for item in value)})"
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"
    return f"{type_name(value)} object"

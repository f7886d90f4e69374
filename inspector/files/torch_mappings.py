"""Mappings and sequences among the inert records of a torch pickle."""

from collections.abc import Iterator
from typing import Any

from inspector.files.inert_pickle import BrokenPickleError, Call
from inspector.files.pickled_text import SEQUENCES, key_text, path_of

MAX_ENTRIES = 500_000
"""Of a file: keys of mappings, items of lists, parameters of modules."""
MAPPINGS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}


def entries_of(value: Any) -> list[tuple[str, Any]] | None:
    """Keys and values of a mapping or list; None where `value` is neither. Raises BrokenPickleError beyond bounds."""
    if size_of(value) > MAX_ENTRIES:
        raise BrokenPickleError(f"a container has more than {MAX_ENTRIES:,} entries")
    pairs: Iterator[tuple[Any, Any]] | list[tuple[Any, Any]]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    elif path_of(value) in MAPPINGS:
        given = value.args[-1] if isinstance(value.args, tuple) and value.args else ()
        pairs = [*_pairs(given), *value.entries]
    elif path_of(value) in SEQUENCES:
        given = value.args[0] if isinstance(value.args, tuple) and value.args else ()
        pairs = list(enumerate([*(given if isinstance(given, list | tuple) else ()), *value.items]))
    elif _is_scripted(value):
        pairs = list(value.state.items())
    else:
        return None
    return list({key_text(key): item for key, item in pairs}.items())


def is_numbered(value: Any) -> bool:
    """Whether its keys are numbers: those of a sequence, or of a mapping that has no others."""
    if isinstance(value, list | tuple) or path_of(value) in SEQUENCES:
        return True
    keys = value if isinstance(value, dict) else [key for key, _ in value.entries] if isinstance(value, Call) else []
    return bool(keys) and all(type(key) is int for key in keys)


def size_of(value: Any) -> int:
    """How many entries `value` has at most, without looking at them."""
    if isinstance(value, dict | list | tuple):
        return len(value)
    if not isinstance(value, Call):
        return 0
    held = (value.state, *(value.args if isinstance(value.args, tuple) else ())[:3])
    return (
        len(value.items) + len(value.entries) + sum(len(part) for part in held if isinstance(part, dict | list | tuple))
    )


def _is_scripted(value: Any) -> bool:
    return isinstance(value, Call) and value.path.startswith("__torch__.") and isinstance(value.state, dict)


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    if isinstance(given, dict):
        return list(given.items())
    if isinstance(given, list | tuple):
        return [(pair[0], pair[1]) for pair in given if isinstance(pair, list | tuple) and len(pair) == 2]
    return []

"""Files of our own: JSON that says what it is, written whole and read strictly."""

from typing import Any, TypeVar

import msgspec

from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.wording import shortened
from inspector.files.typed_paths import expanded, typed_path
from inspector.files.writing import refuse_place, resolved, write_whole


class Document(Record, frozen=True, kw_only=True):
    """What every such file begins with."""

    format: str
    version: int


D = TypeVar("D", bound=Document)


def write_document(path: str, document: Document, overwrite: bool = False) -> None:
    """Write a document, whole or not at all.

    Raises RequestError where the file exists and may not be replaced, cannot be written, or would hold what is no text.
    """
    target = resolved(typed_path(path))
    refuse_place(target, path, overwrite)
    try:
        text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    except UnicodeEncodeError as problem:
        # A path whose bytes are no text has lone surrogates in their place, which no file of JSON takes.
        what = shortened(ascii(problem.object))
        raise RequestError(f"{path} cannot be written: {what} is not text; rename it without those bytes") from None
    write_whole(target, path, lambda place: place.write_bytes(text + b"\n"))


def read_document(path: str, kind: type[D], format: str, version: int, how_to: str) -> D:
    """The document in a file.

    Raises RequestError where it cannot be read, is of another format (`how_to` says what writes this one), is of a
    newer version, or holds what is not of this kind.
    """
    try:
        text = expanded(path).read_bytes()
    except (OSError, ValueError) as problem:
        raise RequestError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    try:
        heading = msgspec.json.decode(text, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        heading = None
    if heading is None or heading.format != format:
        raise RequestError(f"{path} is no {format.removeprefix('nninspect ')} of nninspect; {how_to}")
    if heading.version != version:
        whose = "a newer" if heading.version > version else "no"
        raise RequestError(f"{path} was written by {whose} nninspect (version {heading.version} of its format)")
    try:
        document = msgspec.json.decode(text, type=kind)
        surplus = _surplus(msgspec.json.decode(text), msgspec.to_builtins(document), "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise RequestError(f"{path} is damaged: {problem}") from None
    if surplus is not None:
        raise RequestError(f"{path} is damaged: {surplus} does not belong there")
    return document


def _surplus(written: Any, known: Any, place: str) -> str | None:
    """Where something is written that no record has."""
    if isinstance(written, dict) and isinstance(known, dict):
        for name, value in written.items():
            here = f"{place}.{name}" if place else name
            surplus = repr(here) if name not in known else _surplus(value, known[name], here)
            if surplus is not None:
                return surplus
    elif isinstance(written, list) and isinstance(known, list):
        for number, (value, other) in enumerate(zip(written, known, strict=True)):
            surplus = _surplus(value, other, f"{place}[{number}]")
            if surplus is not None:
                return surplus
    return None

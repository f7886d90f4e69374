"""Journals in files: the edits of a session as JSON, to be made again."""

import os
import tempfile
from pathlib import Path

import msgspec

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.initialisers import parse_initialiser
from inspector.core.table import Record

FORMAT = "nninspect journal"
VERSION = 1
_EDIT_FIELDS = set(Edit.__struct_fields__)


class _Heading(Record, frozen=True, kw_only=True):
    format: str
    version: int


class _Journal(_Heading, frozen=True, kw_only=True):
    edits: list[Edit]


class _Bare(Record, frozen=True, kw_only=True):
    edits: list[dict[str, object]]


def write_journal(path: str, edits: list[Edit], overwrite: bool = False) -> None:
    """Write edits to a file, whole or not at all.

    Raises RequestError where the file exists and may not be replaced, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise RequestError(f"{path} exists; give another name, or --overwrite")
    text = msgspec.json.format(msgspec.json.encode(_Journal(format=FORMAT, version=VERSION, edits=edits)), indent=2)
    written = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            written = file.name
            file.write(text + b"\n")
        os.replace(written, target)
    except OSError as problem:
        if written is not None:
            Path(written).unlink(missing_ok=True)
        raise RequestError(f"{path} cannot be written: {problem.strerror or problem}") from None


def read_journal(path: str) -> list[Edit]:
    """The edits in a file.

    Raises RequestError where it cannot be read, is no journal, is one of a newer nninspect, or holds what is no edit.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as problem:
        raise RequestError(f"{path} cannot be read: {problem.strerror or problem}") from None
    try:
        heading = msgspec.json.decode(text, type=_Heading)
    except (msgspec.DecodeError, UnicodeDecodeError):
        heading = None
    if heading is None or heading.format != FORMAT:
        raise RequestError(f"{path} is no journal of edits; `nninspect init … --save-edits {path}` writes one")
    if heading.version > VERSION:
        raise RequestError(f"{path} was written by a newer nninspect (version {heading.version} of its format)")
    try:
        edits = msgspec.json.decode(text, type=_Journal).edits
        named = msgspec.json.decode(text, type=_Bare).edits
    except msgspec.ValidationError as problem:
        raise RequestError(f"{path} is damaged: {problem}") from None
    for number, (edit, fields) in enumerate(zip(edits, named, strict=True), 1):
        unknown = sorted(fields.keys() - _EDIT_FIELDS)
        if unknown:
            raise RequestError(f"{path} is damaged: edit {number} has {unknown[0]!r}, which no edit has")
        if edit.action == "initialise":
            parse_initialiser(edit.argument)
    return edits

"""Marks of files by which a later look tells whether their content has changed."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

LARGEST_READ = 64 << 20
"""Bytes of a file up to which its mark is of the content; a larger one is told by its size and when it was written."""


def marks_of(paths: Iterable[str]) -> dict[str, str]:
    """The marks of those that are files here, by their paths, from the current folder on where they lie below it."""
    marks = {}
    for path in paths:
        mark = _mark(path)
        if mark is not None:
            inside = os.path.relpath(os.path.expanduser(path))
            marks[path if inside.startswith(os.pardir) else inside] = mark
    return marks


def changes_since(marks: dict[str, str]) -> list[str]:
    """A few words for each file that no longer has its mark."""
    now = {path: _mark(path) for path in marks}
    return [
        f"{path} {'is gone' if now[path] is None else 'has changed'}"
        for path, before in marks.items()
        if now[path] != before
    ]


def _mark(path: str) -> str | None:
    """None where there is no such file that can be read."""
    place = Path(os.path.expanduser(path))
    try:
        if not place.is_file():
            return None
        status = place.stat()
        if status.st_size > LARGEST_READ:
            return f"{status.st_size} bytes, {status.st_mtime_ns}"
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None

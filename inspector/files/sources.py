"""The files that a checkpoint consists of, which what is made of it never replaces or joins."""

import os
from collections.abc import Iterator
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog
from inspector.files.folders import is_changed_by


def refuse_source(catalog: Catalog, source: Path, target: Path, typed: str) -> None:
    """Raise RequestError, naming `target` as `typed`, where it is a file of the checkpoint or would become one.

    `source` is what was opened, a file or a folder, and `target` has no links left in it. Of a link that leads to a
    part of the checkpoint, and of another name of such a file, it is said that it is the part itself.
    """
    part = next((part for part in dict.fromkeys(_parts(catalog, source)) if _is_same(Path(part), target)), None)
    if part is not None:
        what = "the file" if os.path.realpath(source) == str(target) else f"{Path(part).name}, a part of the checkpoint"
        raise RequestError(f"{typed} is {what} that is mended, which is never written over; name another")
    if source.is_dir() and target.parent == Path(os.path.realpath(source)) and is_changed_by(source, target.name):
        raise RequestError(
            f"{typed} would become a part of {source}, the checkpoint that is mended, or hide it; name a file in "
            "another folder"
        )


def _parts(catalog: Catalog, source: Path) -> Iterator[str]:
    """Every place that reading the checkpoint looks at."""
    yield str(source)
    yield catalog.path
    yield from catalog.named
    for tensor in catalog.tensors:
        if tensor.file is not None:
            yield tensor.file
        yield from (piece.file for piece in tensor.pieces)


def _is_same(part: Path, target: Path) -> bool:
    try:
        return os.path.samefile(part, target)
    except (OSError, ValueError):
        return "\0" not in str(part) and os.path.realpath(part) == str(target)

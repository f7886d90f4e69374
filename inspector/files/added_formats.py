"""The file formats of other distributions, asked for what is none of ours."""

import re
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.extensions import FORMATS, Extension, extensions, said, tell
from inspector.files.catalog import Catalog

OURS = {
    "torch-zip", "torch-legacy", "torch-tar", "torchscript", "torch-export", "torch-distributed", "safetensors",
    "safetensors-index", "shards", "numpy", "numpy-archive", "gguf",
}  # fmt: skip
"""As `Catalog.format` has them."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")


def open_added(head: bytes, path: Path) -> Catalog | None:
    """The catalog of a file by the first added format that knows its first bytes; None where none does.

    Raises RequestError where that format cannot read the file after all.
    """
    for one in map(_checked, extensions(FORMATS)):
        if one.problem:
            tell(one.problem)
        elif _knows(one, head, path):
            return _opened(one, path)
    return None


def _checked(one: Extension) -> Extension:
    if one.problem:
        return one
    if one.name in OURS or not _NAME.fullmatch(one.name):
        return one.left_out("its name has to be one of its own, of small letters, digits and hyphens")
    if not all(callable(getattr(one.value, name, None)) for name in ("sniff", "open")):
        return one.left_out("it has no functions sniff(head, path) and open(path)")
    return one


def _knows(one: Extension, head: bytes, path: Path) -> bool:
    format: Any = one.value
    try:
        return bool(format.sniff(head, path))
    except Exception as problem:
        tell(one.left_out(f"looking at {path} fails with {said(problem)}").problem)
        return False


def _opened(one: Extension, path: Path) -> Catalog:
    format: Any = one.value
    try:
        catalog = format.open(path)
    except RequestError:
        raise
    except Exception as problem:
        raise RequestError(f"{path} cannot be read: the format {one.whose} fails with {said(problem)}") from problem
    if not isinstance(catalog, Catalog):
        raise RequestError(f"{path} cannot be read: the format {one.whose} gives no inspector.files.catalog.Catalog")
    return replace(catalog, format=one.name)

"""Open any file of tensors as a catalog."""

from os import PathLike

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog
from inspector.files.sniff import FORMATS, refuse, sniff
from inspector.files.typed_paths import typed_path


def open_catalog(path: str | PathLike[str]) -> Catalog:
    """List what the file at `path` declares, without running or loading any of it.

    Raises RequestError with a sentence for a missing or unreadable file, a folder, a git-LFS pointer, a web page, an
    empty or cut off file, and whatever is not a checkpoint.
    """
    place = typed_path(path)
    kind = sniff(place)
    if kind not in FORMATS:
        raise refuse(kind, place)
    try:
        catalog: Catalog = FORMATS[kind].open(place)
    except OSError as error:
        raise RequestError(f"{place} cannot be read: {error}") from error
    return catalog

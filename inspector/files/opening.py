"""Open any checkpoint as a catalog."""

from os import PathLike
from pathlib import Path

from msgspec.structs import replace

from inspector.core.collection import no_collection
from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.core.wording import printable
from inspector.files.catalog import Catalog
from inspector.files.refusing import refused, refused_first
from inspector.files.sniff import NAMING_FILES, read_head, sniff
from inspector.files.typed_paths import typed_path

MAX_NOTES = 100
"""Of one kind."""


def open_catalog(path: str | PathLike[str], allow_outside: bool = False) -> Catalog:
    """List what the file or folder at `path` declares, without running or loading any of it.

    `allow_outside` lets an index name files outside of its folder. Raises RequestError with a sentence for a missing or
    unreadable file, a folder without one checkpoint, a git-LFS pointer, a web page, an empty or cut off file, and
    whatever is not a checkpoint.
    """
    place = typed_path(path)
    try:
        with no_collection():
            catalog = _opened(place, allow_outside)
    except RequestError as problem:
        # What a file says of itself may hold line ends and worse.
        raise RequestError(printable(str(problem))) from problem
    return replace(catalog, notes=_shortened(catalog.notes)) if len(catalog.notes) > MAX_NOTES else catalog


def _shortened(notes: list[Note]) -> list[Note]:
    """The first notes of each kind, and how many more there are."""
    kept: dict[str, list[Note]] = {}
    for note in notes:
        kept.setdefault(note.code, []).append(note)
    shown = [note for group in kept.values() for note in group[:MAX_NOTES]]
    left_out = [f"{len(group) - MAX_NOTES:,} {code}" for code, group in kept.items() if len(group) > MAX_NOTES]
    if left_out:
        shown.append(Note(code="more-notes", message=f"more notes are left out: {', '.join(left_out)}"))
    return shown


def _opened(place: Path, allow_outside: bool) -> Catalog:
    try:
        if place.is_dir():
            from inspector.files.folders import checkpoint_in

            found = checkpoint_in(place, allow_outside)
            if isinstance(found, Catalog):
                return found
            place = found
        head = read_head(place)
        problem = refused_first(head, place)
        if problem is not None:
            raise problem
        kind = sniff(head, place)
        if kind is None:
            from inspector.files.added_formats import open_added

            added = open_added(head, place)
            if added is None:
                raise refused(head, place)
            return added
        options = {"allow_outside": allow_outside} if kind.__name__.rpartition(".")[2] in NAMING_FILES else {}
        catalog: Catalog = kind.open(place, **options)
    except (OSError, ValueError) as error:
        raise RequestError(f"{place} cannot be read: {error}") from error
    return catalog

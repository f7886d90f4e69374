"""Journals in files: the edits of a session, to be made again."""

from collections.abc import Iterable

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.initialisers import parse_initialiser
from inspector.core.recipe import LARGEST_SEED, SMALLEST_SEED
from inspector.files.documents import Document, read_document, write_document

FORMAT = "nninspect journal"
VERSION = 1


class _Journal(Document, frozen=True, kw_only=True):
    edits: list[Edit]


def write_journal(path: str, edits: list[Edit], overwrite: bool = False) -> None:
    """Write edits to a file, whole or not at all.

    Raises RequestError where the file exists and may not be replaced, or cannot be written.
    """
    write_document(path, _Journal(format=FORMAT, version=VERSION, edits=edits), overwrite)


def read_journal(path: str) -> list[Edit]:
    """The edits in a file.

    Raises RequestError where it cannot be read, is no journal, is one of a newer nninspect, or holds what is no edit.
    """
    how_to = f"`nninspect init … --save-edits {path}` writes one"
    edits = read_document(path, _Journal, FORMAT, VERSION, how_to).edits
    refuse_wrong_edits(path, edits)
    return edits


def refuse_wrong_edits(path: str, edits: Iterable[Edit]) -> None:
    """Raise RequestError, naming the file, where an edit that was read from it cannot be made on any model."""
    for number, edit in enumerate(edits, 1):
        if not SMALLEST_SEED <= edit.seed <= LARGEST_SEED:
            raise RequestError(f"{path} is damaged: edit {number} has the seed {edit.seed}, which is none")
        if edit.action == "initialise":
            try:
                parse_initialiser(edit.argument)
            except RequestError as problem:
                raise RequestError(f"{path} is damaged: edit {number}: {problem}") from None

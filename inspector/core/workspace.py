"""A workspace: what is open and how it is looked at, to be taken up again another day."""

from inspector.core.edits import Edit
from inspector.core.recipe import Recipe
from inspector.core.record import Record
from inspector.core.table import Row


class RowPlace(Record, frozen=True, kw_only=True):
    """What tells a row from all others, also in another table of the same model."""

    kind: str
    path: str
    call: int = 0
    function: str = ""
    """Of a row of kind `function`, which one it calls; "" for all others."""


class TreeState(Record, frozen=True, kw_only=True):
    """Which lines of the module tree are on show."""

    folded: list[RowPlace] = []
    open_blocks: list[RowPlace] = []
    """The first rows of runs of blocks that repeat, where the run is unfolded."""
    cursor: RowPlace | None = None
    show_functions: bool = True
    fold_blocks: bool = False


class Workspace(Record, frozen=True, kw_only=True):
    """All but what was computed: opening it runs what opening its target runs, and nothing else."""

    recipe: Recipe
    """Its `edits` are the changes made."""
    undone: list[Edit] = []
    """Changes taken back, as in `inspector.core.edits.Journal`."""
    breakpoints: list[str] = []
    tree: TreeState = TreeState()
    folder: str = ""
    """Where it was saved; its paths are meant from there."""
    files: dict[str, str] = {}
    """Of each file that the model came from a mark of its content; see `inspector.files.content_marks`."""


class Resumed(Record, frozen=True, kw_only=True):
    """A workspace that was read from a file, to be shown once its model is open."""

    path: str
    workspace: Workspace
    changed: list[str] = []
    """The files that are no longer as they were, each with what became of it."""


def place_of(row: Row) -> RowPlace:
    """Where a row is, whatever table it is in."""
    return RowPlace(
        kind=row.kind, path=row.path, call=row.call, function=row.type if row.kind == "function" else ""
    )  # fmt: skip

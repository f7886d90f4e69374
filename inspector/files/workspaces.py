"""Workspaces in files; nothing in them is ever run but the target that they name."""

from inspector.core.breakpoints import parse_breakpoint
from inspector.core.errors import RequestError
from inspector.core.recipe import (
    LARGEST_SEED,
    SMALLEST_SEED,
    InputSpec,
    Recipe,
    parse_arguments,
    parse_input,
    parse_target,
)
from inspector.core.workspace import Workspace
from inspector.files.documents import Document, read_document, write_document
from inspector.files.journals import refuse_wrong_edits

FORMAT = "nninspect workspace"
VERSION = 1


class _Workspace(Document, frozen=True, kw_only=True):
    workspace: Workspace


def write_workspace(path: str, workspace: Workspace, overwrite: bool = False) -> None:
    """Write a workspace to a file, whole or not at all.

    Raises RequestError where the file exists and may not be replaced, or cannot be written.
    """
    write_document(path, _Workspace(format=FORMAT, version=VERSION, workspace=workspace), overwrite)


def read_workspace(path: str) -> Workspace:
    """The workspace in a file, every part of it read as it is read from the command line.

    Raises RequestError where it cannot be read, is no workspace, is one of a newer nninspect, or is damaged.
    """
    how_to = "ctrl+s in the interface writes one"
    workspace = read_document(path, _Workspace, FORMAT, VERSION, how_to).workspace
    try:
        _refuse_wrong(workspace.recipe)
        for text in workspace.breakpoints:
            parse_breakpoint(text)
    except RequestError as problem:
        raise RequestError(f"{path} is damaged: {problem}") from None
    refuse_wrong_edits(path, [*workspace.recipe.edits, *workspace.undone])
    return workspace


def _refuse_wrong(recipe: Recipe) -> None:
    if not recipe.target.strip():
        raise RequestError("it names no target")
    parse_target(recipe.target)
    parse_arguments(recipe.arguments)
    if recipe.container is not None and recipe.weights is None:
        raise RequestError("it names a container, but no file of weights")
    if not SMALLEST_SEED <= recipe.seed <= LARGEST_SEED:
        raise RequestError(f"{recipe.seed} is no seed")
    for one in recipe.inputs:
        read = parse_input(str(one))
        if _kind(read) != _kind(one):
            raise RequestError(f"{str(one)!r} is no input")


def _kind(one: InputSpec) -> tuple[object, ...]:
    return one.name, one.shape, one.dtype, one.distribution, one.file, one.value

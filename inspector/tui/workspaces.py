"""Saving what is open and how it is looked at, and taking it up again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.widget import Widget
from textual.widgets import Static

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.core.workspace import Resumed, Workspace
from inspector.files.content_marks import marks_of
from inspector.files.workspaces import write_workspace
from inspector.tui.answers import show_edit
from inspector.tui.dialog import Dialog, entry
from inspector.tui.overwriting import Overwriting
from inspector.worker.protocol import Apply, Undo

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

KEPT = "the target, weights, options and inputs, every change with undo and redo, breakpoints, what is folded, the row"


class WorkspaceDialog(Dialog[str]):
    """Where the workspace goes; it writes the file, so that what hinders that is said here."""

    title_text = "Save the workspace"
    button = "Save"

    def __init__(self, workspace: Workspace, path: str, resumed_from: str | None) -> None:
        super().__init__()
        self._workspace = workspace
        self._path = path
        self._own = resumed_from
        self._overwriting = Overwriting(self.button)

    def fields(self) -> Iterable[Widget]:
        """The path, and what is kept."""
        yield entry("path", self._path, "file")
        yield Static(f"keeps {KEPT}; nothing that was computed", classes="hint", markup=False)

    def result(self) -> str:
        """The path written; raises RequestError to ask about a file that exists, or where it cannot be written."""
        path = self.text("path").strip()
        if not path:
            raise RequestError("the file has no name; write one that ends in .json")
        write_workspace(path, self._workspace, path == self._own or self._overwriting.allowed(path))
        return path


def save_workspace(app: NNInspectApp) -> None:
    """Ask for a path and write the workspace there."""
    own = app.workspace_path

    def say(path: str | None) -> None:
        if path is not None:
            app.workspace_path = path
            app.say(f"wrote {path}: nninspect --resume {path} goes on from here", "$text-success")

    app.push_screen(WorkspaceDialog(_workspace(app), own or suggested_path(app.recipe), own), say)


def _workspace(app: NNInspectApp) -> Workspace:
    journal = app.client.journal
    return Workspace(
        recipe=replace(app.recipe, inputs=app.inputs, edits=list(journal.done), typed=[]),
        undone=list(journal.undone),
        breakpoints=app.stepping.breakpoints,
        tree=app.module_tree.state,
        folder=os.getcwd(),
        files=marks_of(_files(app)),
    )


def _files(app: NNInspectApp) -> Iterable[str]:
    """What the model came from: the files that the recipe names, and those of its code."""
    recipe = app.recipe
    target = parse_target(recipe.target)
    named = [recipe.weights, *(one.file for one in app.inputs)]
    if target.kind != "python_module":
        named.append(target.location)
    code = [row.source.file for row in app.table.rows if row.source is not None] if app.table is not None else []
    return dict.fromkeys(file for file in (*named, *code) if file)


async def take_up(app: NNInspectApp, resumed: Resumed) -> None:
    """Bring back what opening the recipe alone has not: changes taken back, breakpoints, folds and the row."""
    workspace = resumed.workspace
    if app.table is None:
        if resumed.changed:
            app.say(f"since {resumed.path} was saved {'; '.join(resumed.changed)}", "$text-warning")
        return
    app.stepping.set_breakpoints(list(workspace.breakpoints))
    if not await _take_back(app, workspace):
        return
    app.module_tree.take_up(workspace.tree)
    app.look()
    if resumed.changed:
        told = "; ".join(resumed.changed)
        app.tell("Not all is as it was", f"Since {resumed.path} was saved {told}. It was opened as it is now.")
    else:
        app.say(f"resumed {resumed.path}", "$text-success")


async def _take_back(app: NNInspectApp, workspace: Workspace) -> bool:
    """Make the changes that were taken back and take them back, so that they can be made again."""
    undone = list(reversed(workspace.undone))
    for request in (*(Apply(edit=edit) for edit in undone), *(Undo() for _ in undone)):
        report = await app.conversation.ask(request, "making changes again")
        if report is None:
            return False
        show_edit(app, report)
    return True


def suggested_path(recipe: Recipe) -> str:
    """Named after the target, in the current folder."""
    return f"{parse_target(recipe.target).short_name}.workspace.json"

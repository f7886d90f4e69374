"""Opening a model: what is said meanwhile, its structure at once, then its shapes by a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.core.row_facts import failed_row
from inspector.core.wording import printable
from inspector.core.workspace import Resumed
from inspector.tui.keys_here import keyed, with_keys
from inspector.tui.page import MUTED
from inspector.worker.protocol import Open, Trace

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

NOTHING_OPEN = "Nothing is open. {reopen} tries again, {log} shows what was printed, {quit} quits."
NO_PASS = ("no-input", "not-run")
"""Codes of the notes that say why there are no shapes."""


def what_is_opening(recipe: Recipe) -> Content:
    """What stands in the tree's place until there is one."""
    facts = [
        ("weights", recipe.weights or ""),
        ("arguments", recipe.arguments),
        ("device", recipe.device or ""),
        ("input", ", ".join(map(str, recipe.inputs))),
    ]
    loads_torch = parse_target(recipe.target).kind in ("python_file", "python_module")
    lines = [
        ("loading torch…\n\n" if loads_torch else "opening…\n\n", MUTED),
        (f"{printable(recipe.target)}\n", "bold"),
    ]
    lines += [(f"{label} {printable(text)}\n", "") for label, text in facts if text]
    return Content.assemble(*lines)


async def begin(app: NNInspectApp, resumed: Resumed | None) -> None:
    """Start the worker, open the model, and show it as the workspace says, else as it was looked at last."""
    try:
        await app.conversation.start()
    except RequestError as problem:
        app.opening.update(keyed(NOTHING_OPEN))
        app.tell("There is no worker", str(problem))
        return
    if app.remembering is not None and resumed is None:
        app.remembering.begin()
    await open_model(app)
    if resumed is not None:
        # Which imports, through the dialogs, this module.
        from inspector.tui.workspaces import take_up

        await take_up(app, resumed)
    elif app.remembering is not None:
        app.remembering.take_up()


async def open_model(app: NNInspectApp, recipe: Recipe | None = None) -> None:
    """Open the recipe, or another one that takes its place: the structure at once, then shapes by a pass."""
    wanted = recipe or app.recipe
    table = await app.conversation.ask(Open(recipe=wanted), f"opening {wanted.target}")
    if table is None:
        app.opening.update(keyed(NOTHING_OPEN))
        return
    app.recipe = wanted
    app.stepping.forget()
    app.report = app.clone = app.memory = app.plan = app.check = app.difference = None
    app.kept = app.two_runs = None
    app.changed.clear()
    app.can_undo, app.can_redo = bool(app.client.journal.done), False
    app.show_table(table)
    if table.model.framework != "file":
        await trace(app)


async def trace(app: NNInspectApp) -> None:
    """Work out shapes and receptive fields for the inputs chosen."""
    table = await app.conversation.ask(Trace(inputs=app.inputs), "working out shapes")
    if table is not None:
        app.show_table(table)
        go_to_failure(app)


def trace_again(app: NNInspectApp) -> None:
    """The same, without waiting."""
    app.conversation.spawn(trace(app))


def go_to_failure(app: NNInspectApp) -> None:
    """Put the cursor where the pass failed, and say why in the panel; where there was no pass, say why."""
    assert app.table is not None
    failed = failed_row(app.table)
    if failed is None:
        for note in app.table.notes:
            if note.code in NO_PASS:
                app.say(with_keys(note.message), "$text-warning")
        return
    app.module_tree.go_to_row(failed)
    app.side.open("overview")
    failure = app.table.failure
    if failure:
        app.say(f"{failure.type} at {failure.path or 'the root'}: {failure.message}", "$text-error")

"""The actions that change the model, and what is kept of the changes; dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from inspector.core.device_budgets import PlanSettings
from inspector.core.edits import Edit
from inspector.core.table import ModelTable, Row
from inspector.core.tensor_places import TensorPlaces
from inspector.tui import reasons
from inspector.tui.answers import show_edit, show_plan
from inspector.worker.protocol import (
    Apply,
    Devices,
    Memory,
    Plan,
    Redo,
    Request,
    Save,
    Undo,
)

if TYPE_CHECKING:
    from inspector.core.results import EditReport
    from inspector.tui.app import NNInspectApp
from inspector.tui.inputs_chosen import current_inputs


def initialise(app: NNInspectApp) -> None:
    """Ask what to fill and how; apply it."""
    from inspector.tui.initialise_dialog import InitialiseDialog

    view = app.view()
    if view is not None:
        prefer_tensor = app.focused is not app.module_tree and app.side.current in ("parameters", "values")
        app.push_screen(InitialiseDialog(app.conversation, view, prefer_tensor), _apply(app, "initialising"))


def set_element(app: NNInspectApp) -> None:
    """Ask for an index and a value; set it."""
    from inspector.tui.element_dialog import ElementDialog

    view = app.view()
    tensor = view.tensor if view else None
    if view is None or tensor is None or tensor.shape is None:
        app.say("this row has no tensor with elements; choose one in panel 2")
        return
    app.push_screen(ElementDialog(tensor, app.side.values_known(view)), _apply(app, "setting the element"))


def rename(app: NNInspectApp) -> None:
    """Ask for another name; give it to what is on screen: the tensor or value in its panel, else the row's node."""
    from inspector.tui.rename_dialog import RenameDialog

    view = app.view()
    if view is None:
        return
    on_show = {"parameters": view.tensor, "names": view.tensor, "values": view.looked_at}.get(app.side.current)
    if on_show is None and view.row.kind != "node":
        app.say("this row is a group of nodes; choose a node, or a tensor in panel 2")
        return
    app.push_screen(RenameDialog(view.row, on_show), _apply(app, "renaming"))


def place(app: NNInspectApp) -> None:
    """Ask for a device; move the module or the model there."""
    from inspector.tui.device_dialog import DeviceDialog

    def use(chosen: Edit | PlanSettings | None) -> None:
        if isinstance(chosen, PlanSettings):
            app.plan_settings = chosen
            app.conversation.spawn(plan(chosen))
        elif chosen is not None:
            _change(app, Apply(edit=chosen), "moving")

    async def plan(settings: PlanSettings) -> None:
        made = await app.conversation.ask(Plan(settings=settings), "planning")
        if made is not None:
            show_plan(app, made)

    async def ask() -> None:
        devices = await app.conversation.ask(Devices(), "looking for devices")
        if devices is None or app.row is None or app.table is None:
            return
        # Only PyTorch's modules can be moved one by one, and spread.
        one_by_one = not reasons.no_modes(app)
        row = app.row if one_by_one else app.table.rows[0]
        planned = app.plan_settings if one_by_one else None
        dialog = DeviceDialog(devices, row, planned, _on_meta(app.table, row), app.recipe.seed)
        await app.push_screen(dialog, use)
        if one_by_one:
            names = [one.name for one in devices if one.free_bytes is not None]
            wanted = msgspec.structs.replace(app.memory_settings, inputs=current_inputs(app), devices=names, limit=None)
            report = await app.conversation.ask(Memory(settings=wanted), "working out whether it fits", tell=False)
            dialog.show_fits(report, str(app.conversation.refusal or "cancelled"))

    app.conversation.spawn(ask())


def _on_meta(table: ModelTable, row: Row) -> set[str]:
    """The paths, of the row and of the model, below which tensors are on meta."""
    rows = (row, table.rows[0])
    places = TensorPlaces(table)
    return {one.path for one in rows if any(tensor.device == "meta" for tensor in places.below(one))}


def module_mode(app: NNInspectApp) -> None:
    """Switch the row's module between train and eval."""
    if app.row is not None:
        _switch_mode(app, app.row.path, app.row.training)


def model_mode(app: NNInspectApp) -> None:
    """Switch the model between train and eval."""
    if app.table is not None:
        _switch_mode(app, "", app.table.model.training)


def _switch_mode(app: NNInspectApp, path: str, training: bool) -> None:
    edit = Edit(action="mode", where=path, argument="eval" if training else "train")
    _change(app, Apply(edit=edit), "switching the mode")


def undo(app: NNInspectApp) -> None:
    """Take the last change back."""
    _change(app, Undo(), "undoing")


def redo(app: NNInspectApp) -> None:
    """Make the last undone change again."""
    _change(app, Redo(), "redoing")


def _change(app: NNInspectApp, request: Request[EditReport], what: str) -> None:
    async def run() -> None:
        report = await app.conversation.ask(request, what)
        if report is not None:
            show_edit(app, report)

    app.conversation.spawn(run())


def _apply(app: NNInspectApp, what: str) -> Callable[[Edit | None], None]:
    """What is done with the edit that a dialog returns."""

    def run(edit: Edit | None) -> None:
        if edit is not None:
            _change(app, Apply(edit=edit), what)

    return run


def show_journal(app: NNInspectApp) -> None:
    """Show the changes as a list; go back to the one chosen, or forward."""
    from inspector.core.recipe import parse_target
    from inspector.tui.journal_screen import JournalScreen

    path = f"{parse_target(app.recipe.target).short_name}.journal.json"
    screen = JournalScreen(app.client.journal, app.changed, path, app.written)

    async def walk(count: int) -> None:
        journal = app.client.journal
        while len(journal.done) != count:
            request: Request[EditReport] = Undo() if len(journal.done) > count else Redo()
            report = await app.conversation.ask(request, "walking through the changes")
            if report is None:
                return
            show_edit(app, report)

    def go(count: int | None) -> None:
        if count is not None:
            app.conversation.spawn(walk(count))

    app.push_screen(screen, go)


def save(app: NNInspectApp) -> None:
    """Ask for a path and write the state_dict, or the ONNX model, there."""
    from inspector.tui.save_dialog import SaveDialog, suggested_path

    def write(chosen: Save | None) -> None:
        if chosen is not None:
            app.conversation.spawn(run(chosen))

    async def run(request: Save) -> None:
        report = await app.conversation.ask(request, "saving")
        if report is not None:
            from inspector.core.wording import size_in_bytes, things

            written = f"wrote {things(report.tensors, 'tensor')}, {size_in_bytes(report.bytes)}"
            app.say(f"{written}, to {' and '.join(report.files)}", "$text-success")

    app.push_screen(SaveDialog(suggested_path(app.recipe)), write)


def show_script(app: NNInspectApp) -> None:
    """Show the changes so far as a Python script."""
    from inspector.core.script import script
    from inspector.tui.message import ScriptScreen

    app.push_screen(ScriptScreen(script(app.recipe, app.client.journal, load=app.table.load if app.table else None)))

"""The actions that ask the engine to do something; dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from inspector.core import wording
from inspector.core.ablation import AblationSettings
from inspector.core.edits import Edit
from inspector.core.memory import MemorySettings
from inspector.core.recipe import InputSpec, parse_input
from inspector.core.table import Input
from inspector.tui import reasons
from inspector.worker.protocol import (
    Ablate,
    Apply,
    Check,
    CompareClone,
    Devices,
    Forward,
    Memory,
    Redo,
    Request,
    Save,
    Undo,
    WhatIf,
)

if TYPE_CHECKING:
    from inspector.core.results import EditReport
    from inspector.tui.app import NNInspectApp


def trace(app: NNInspectApp) -> None:
    """Work out shapes again."""
    app.trace_again()


def reopen(app: NNInspectApp) -> None:
    """Open the model anew."""
    app.conversation.spawn(app.open_model())


def forward(app: NNInspectApp) -> None:
    """Ask for the input and run forward."""
    _run(app, backward=False)


def backward(app: NNInspectApp) -> None:
    """Ask for the input and run forward and backward."""
    _run(app, backward=True)


def _run(app: NNInspectApp, backward: bool) -> None:
    from inspector.tui.forward_dialog import ForwardDialog, Pass

    def start(chosen: Pass | None) -> None:
        if chosen is not None:
            app.conversation.spawn(run(chosen))

    async def run(chosen: Pass) -> None:
        request = Forward(inputs=chosen.inputs, seed=chosen.seed, backward=chosen.backward, optimised=chosen.optimised)
        report = await app.conversation.ask(
            request, "running forward and backward" if chosen.backward else "running forward"
        )
        if report is not None:
            app.show_report(report)

    can_go_back = not reasons.no_backward(app)
    onnx = app.table is not None and app.table.model.framework == "onnx"
    dialog = ForwardDialog(current_inputs(app), app.recipe.seed, backward if can_go_back else None, onnx)
    app.push_screen(dialog, start)


def memory(app: NNInspectApp) -> None:
    """Ask for batch, dtype and optimizer; work out the memory and show it at the root."""
    from inspector.tui.memory_dialog import MemoryDialog

    def start(chosen: MemorySettings | None) -> None:
        if chosen is not None:
            app.memory_settings = chosen
            app.conversation.spawn(run(chosen))

    async def run(chosen: MemorySettings) -> None:
        report = await app.conversation.ask(Memory(settings=chosen), "working out memory")
        if report is not None:
            app.show_memory(report)

    app.push_screen(MemoryDialog(current_inputs(app), app.memory_settings), start)


def current_inputs(app: NNInspectApp) -> list[InputSpec]:
    """The inputs chosen, else those that the last pass used."""
    return app.inputs or [as_spec(one) for one in app.table.inputs if one.spec] if app.table else []


def as_spec(one: Input, shape: list[int] | None = None) -> InputSpec:
    """An input of the last pass as it would be asked for, with another shape where one is given."""
    spec = parse_input(one.spec)
    return spec if shape is None else msgspec.structs.replace(spec, shape=shape)


def compare(app: NNInspectApp) -> None:
    """Compare the output with that of a loaded clone."""

    async def run() -> None:
        request = CompareClone(inputs=app.inputs, seed=app.recipe.seed)
        report = await app.conversation.ask(request, "comparing with a loaded clone")
        if report is not None:
            app.clone = report
            app.module_tree.go_to(0)
            app.side.open("activations")
            app.look()
            verdict = "Y_clone == Y" if report.equal else "Y_clone ≠ Y"
            app.say(f"{verdict}: {report.explanation}", "$text-success" if report.equal else "$text-error")

    app.conversation.spawn(run())


def check(app: NNInspectApp) -> None:
    """Look for defects and show them."""

    async def run() -> None:
        report = await app.conversation.ask(Check(), "looking for defects")
        if report is not None:
            app.show_check(report)

    app.conversation.spawn(run())


def ablate(app: NNInspectApp) -> None:
    """Switch rows off one by one and show which change the output most."""
    from inspector.tui.ablation_screen import AblationScreen

    def go(row: int | None) -> None:
        if row is not None:
            app.module_tree.go_to_row(row)

    async def run() -> None:
        settings = AblationSettings(inputs=app.inputs, seed=app.recipe.seed)
        report = await app.conversation.ask(Ablate(settings=settings), "switching rows off one by one")
        if report is not None:
            app.push_screen(AblationScreen(report), go)

    app.conversation.spawn(run())


def what_if(app: NNInspectApp) -> None:
    """Try other settings of the row's operation."""
    from inspector.core.what_if import Proposal
    from inspector.tui.what_if_dialog import WhatIfDialog

    row = app.row
    if row is None:
        return
    proposal = Proposal(path=row.path, function=row.type if row.kind == "function" else "", call=row.call)

    async def ask() -> None:
        report = await app.conversation.ask(WhatIf(proposal=proposal), "looking at the settings")
        if report is not None:
            name = f"{row.type} in {row.path}" if row.kind == "function" and row.path else row.path or row.type
            title = f"{name}, call {row.call + 1}" if row.call else name
            app.push_screen(WhatIfDialog(app.conversation, title, proposal, report))

    app.conversation.spawn(ask())


def choose_input(app: NNInspectApp) -> None:
    """Ask for other inputs and trace with them."""
    from inspector.tui.input_dialog import InputDialog

    def use(chosen: list[InputSpec] | None) -> None:
        if chosen is not None:
            app.inputs = chosen
            app.trace_again()

    used = app.table.inputs if app.table is not None else []
    app.push_screen(InputDialog(current_inputs(app), used), use)


def next_input(app: NNInspectApp) -> None:
    """To the next shape that the model would take."""
    _step_input(app, 1)


def previous_input(app: NNInspectApp) -> None:
    """To the shape before."""
    _step_input(app, -1)


def _step_input(app: NNInspectApp, by: int) -> None:
    if app.table is None:
        return
    before = app.table.inputs
    shapes = [next_shape(one, by) for one in before]
    app.inputs = [as_spec(one, shape) for one, shape in zip(before, shapes, strict=True)]
    place = next((place_among(one, shape) for one, shape in zip(before, shapes, strict=True) if shape), "")

    async def step() -> None:
        await app.trace()
        if app.table is not None and app.table.failure is None:
            app.say(place)

    app.conversation.spawn(step())


def next_shape(one: Input, by: int) -> list[int] | None:
    """The shape `by` steps on among those that do: all of a range that ends, else those that were tried."""
    shape = one.shape
    ending = next((sizes for sizes in one.sizes if sizes.high is not None), None)
    if shape and ending is not None and ending.high is not None:
        sizes = range(ending.low, ending.high + 1, ending.step)
        size = sizes[((shape[ending.axes[0]] - ending.low) // ending.step + by) % len(sizes)]
        return [size if axis in ending.axes else old for axis, old in enumerate(shape)]
    shapes = ([shape] if shape and shape not in one.alternatives else []) + one.alternatives
    at = shapes.index(shape) if shape in shapes else 0
    return shapes[(at + by) % len(shapes)] if shapes else None


def place_among(one: Input, shape: list[int]) -> str:
    """Which of the sizes that do a shape of this input has: ``x 1×3×33×33: 33 of 32…35``."""
    ending = next((sizes for sizes in one.sizes if sizes.high is not None), None)
    if ending is not None:
        step = f" by {ending.step}" if ending.step > 1 else ""
        among = f"{shape[ending.axes[0]]} of {ending.low}…{ending.high}{step}"
    else:
        shapes = sorted([*([one.shape] if one.shape and one.shape not in one.alternatives else []), *one.alternatives])
        among = f"{shapes.index(shape) + 1} of {len(shapes)} to step through"
    solutions = f" ({one.solutions})" if one.solutions and ending is None else ""
    return f"{wording.model_input(msgspec.structs.replace(one, shape=shape))}: {among}{solutions}"


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

    async def ask() -> None:
        devices = await app.conversation.ask(Devices(), "looking for devices")
        if devices is not None and app.row is not None:
            # Only PyTorch's modules can be moved one by one.
            one_by_one = not reasons.no_modes(app)
            row = app.row if one_by_one or app.table is None else app.table.rows[0]
            app.push_screen(DeviceDialog(devices, row), _apply(app, "moving"))

    app.conversation.spawn(ask())


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
            app.show_edit(report)

    app.conversation.spawn(run())


def _apply(app: NNInspectApp, what: str) -> Callable[[Edit | None], None]:
    """What is done with the edit that a dialog returns."""

    def run(edit: Edit | None) -> None:
        if edit is not None:
            _change(app, Apply(edit=edit), what)

    return run


def show_journal(app: NNInspectApp) -> None:
    """Show the changes as a list; go back to the one chosen, or forward."""
    from pathlib import Path

    from inspector.core.recipe import parse_target
    from inspector.tui.journal_screen import JournalScreen

    name = Path(parse_target(app.recipe.target).location).stem
    screen = JournalScreen(app.client.journal, app.changed, f"{name}.journal.json")

    async def walk(count: int) -> None:
        journal = app.client.journal
        while len(journal.done) != count:
            request: Request[EditReport] = Undo() if len(journal.done) > count else Redo()
            report = await app.conversation.ask(request, "walking through the changes")
            if report is None:
                return
            app.show_edit(report)

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

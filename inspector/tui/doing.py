"""The actions that run the model; dialogs are imported when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.ablation import AblationSettings
from inspector.core.memory import MemorySettings
from inspector.tui import reasons
from inspector.tui.answers import show_memory, show_report
from inspector.tui.inputs_chosen import current_inputs
from inspector.tui.opening import open_model, trace_again
from inspector.worker.protocol import (
    Ablate,
    CompareClone,
    Forward,
    Memory,
    WhatIf,
)

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def trace(app: NNInspectApp) -> None:
    """Work out shapes again."""
    trace_again(app)


def reopen(app: NNInspectApp) -> None:
    """Open the model anew."""
    app.conversation.spawn(open_model(app))


def forward(app: NNInspectApp) -> None:
    """Ask for the input and run forward."""
    _run(app, backward=False)


def backward(app: NNInspectApp) -> None:
    """Ask for the input and run forward and backward."""
    _run(app, backward=True)


def _run(app: NNInspectApp, backward: bool) -> None:
    from inspector.tui.forward_dialog import ForwardDialog

    def start(chosen: Forward | None) -> None:
        if chosen is not None:
            app.conversation.spawn(run(chosen))

    async def run(chosen: Forward) -> None:
        what = "running forward and backward" if chosen.settings.backward else "running forward"
        report = await app.conversation.ask(chosen, what)
        if report is not None:
            show_report(app, report)

    can_go_back = not reasons.no_backward(app)
    onnx = app.table is not None and app.table.model.framework == "onnx"
    planned = app.plan_settings if app.plan is not None and app.plan.fits else None
    dialog = ForwardDialog(current_inputs(app), app.recipe.seed, backward if can_go_back else None, onnx, planned)
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
            show_memory(app, report)

    app.push_screen(MemoryDialog(current_inputs(app), app.memory_settings), start)


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


def ablate(app: NNInspectApp) -> None:
    """Switch rows off one by one and show which change the output most."""
    _ablate(app, AblationSettings(inputs=app.inputs, seed=app.recipe.seed))


def _ablate(app: NNInspectApp, settings: AblationSettings) -> None:
    from inspector.tui.ablation_screen import AblationScreen

    async def run() -> None:
        report = await app.conversation.ask(Ablate(settings=settings), "switching rows off one by one")
        table = app.table
        if report is None or table is None:
            return

        def go(chosen: int | AblationSettings | None) -> None:
            if isinstance(chosen, AblationSettings):
                _ablate(app, chosen)
            elif chosen is not None:
                app.module_tree.go_to_same(table.rows[chosen])

        app.push_screen(AblationScreen(report, settings), go)

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

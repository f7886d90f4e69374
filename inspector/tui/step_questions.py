"""What a stepped pass is asked by way of a field or a dialog; dialogs are imported when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.stop_wording import row_name
from inspector.core.stops import StepSettings

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def evaluate(app: NNInspectApp) -> None:
    """Go to the line where expressions are typed."""
    app.side.open("step")
    app.side.step.expression.focus()


def change(app: NNInspectApp) -> None:
    """Ask how to change the output; change it."""
    from inspector.tui.step_dialogs import ChangeDialog

    def use(chosen: str | None) -> None:
        if chosen is not None:
            app.stepping.change(chosen)

    stop = app.stepping.stop
    if stop is not None:
        what = "the arguments" if stop.moment == "before" else "the output"
        app.push_screen(ChangeDialog(f"Change {what} of {row_name(stop.row)}"), use)


def breakpoints(app: NNInspectApp) -> None:
    """Ask which breakpoints to keep, and for another one."""
    from inspector.tui.step_dialogs import BreakpointDialog

    def use(chosen: list[str] | None) -> None:
        if chosen is not None:
            app.stepping.set_breakpoints(chosen)

    app.push_screen(BreakpointDialog(app.stepping.breakpoints), use)


def restart(app: NNInspectApp) -> None:
    """Ask for input and seed; step through another pass."""
    from inspector.tui.inputs_chosen import current_inputs
    from inspector.tui.step_dialogs import RestartDialog

    def use(chosen: StepSettings | None) -> None:
        if chosen is not None:
            app.stepping.start(chosen)

    settings = app.stepping.settings
    app.push_screen(RestartDialog(replace(settings, inputs=settings.inputs or current_inputs(app))), use)

"""Mending a checkpoint: which file, why it does not load, the mended file, and the model opened with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, with_arguments
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.repair_wording import not_written
from inspector.core.typed_command import typed_command
from inspector.tui.opening import open_model
from inspector.worker.protocol import Repair

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp
    from inspector.tui.repair_screen import Next


def mend(app: NNInspectApp) -> None:
    """Ask for a file of weights and say what becomes of it in this model."""
    _Mending(app).ask_file(app.recipe.weights or "")


class _Mending:
    """One file on its way: a dialog, a request, a page, and what is chosen there.

    A refusal goes back to the dialog whose fields it is about.
    """

    def __init__(self, app: NNInspectApp) -> None:
        self._app = app

    def ask_file(self, weights: str, wrong: str = "") -> None:
        """Ask which file."""
        from inspector.tui.repair_dialogs import WeightsDialog

        def go_on(chosen: RepairSettings | None) -> None:
            if chosen is not None:
                self._app.conversation.spawn(self._look(chosen))

        self._app.push_screen(WeightsDialog(weights, wrong), go_on)

    async def _look(self, settings: RepairSettings) -> None:
        asking = self._app.conversation
        report = await asking.ask(Repair(settings=settings), f"aligning {settings.weights}", tell=False)
        if report is not None:
            self._show(settings, report)
        else:
            self._refused(lambda why: self.ask_file(settings.weights, why))

    def _show(self, settings: RepairSettings, report: RepairReport) -> None:
        from inspector.tui.repair_screen import RepairScreen

        def go_on(chosen: Next | None) -> None:
            if chosen == "write":
                self._ask_output(settings, report)
            elif chosen == "load":
                self._app.conversation.spawn(self._open(self._with(settings, report.written)))
            elif chosen == "build":
                self._app.conversation.spawn(self._open(self._built_for(settings, report)))
            elif chosen == "choose":
                self._ask_container(settings, report)

        built = self._built_for(settings, report)
        command = typed_command(built, built.target, built.arguments)
        self._app.push_screen(RepairScreen(settings.weights, report, command), go_on)

    def _ask_container(self, settings: RepairSettings, report: RepairReport) -> None:
        from inspector.tui.repair_dialogs import ContainerDialog

        def go_on(chosen: str | None) -> None:
            if chosen is None:
                self._show(settings, report)
            else:
                self._app.conversation.spawn(self._look(replace(settings, container=chosen)))

        self._app.push_screen(ContainerDialog(report), go_on)

    def _ask_output(self, settings: RepairSettings, report: RepairReport, wrong: str = "") -> None:
        from inspector.tui.repair_dialogs import MendedFileDialog

        def go_on(chosen: RepairSettings | None) -> None:
            if chosen is None:
                self._show(settings, report)
            else:
                self._app.conversation.spawn(self._write(chosen, report))

        self._app.push_screen(MendedFileDialog(settings, report, wrong), go_on)

    async def _write(self, settings: RepairSettings, before: RepairReport) -> None:
        asking, output = self._app.conversation, settings.output or ""
        report = await asking.ask(Repair(settings=settings), f"writing {output}", tell=False)
        if report is not None and report.written is not None:
            self._app.say(f"wrote {report.written}", "$text-success")
            self._show(settings, report)
        elif report is not None:
            self._ask_output(settings, report, not_written(report, output))
        else:
            self._refused(lambda why: self._ask_output(settings, before, why))

    def _refused(self, ask_again: Callable[[str], None]) -> None:
        refusal = self._app.conversation.refusal
        if not isinstance(refusal, RequestError):  # cancelled or lost, which has been said
            return
        if self._app.screen.is_modal:
            self._app.tell("This could not be done", str(refusal))
        else:
            ask_again(str(refusal))

    def _with(self, settings: RepairSettings, written: str | None = None) -> Recipe:
        """The recipe with the mended file where one was written, else with the part of the file that was looked at."""
        container = None if written else settings.container
        # What was typed names other weights, or none.
        return replace(self._app.recipe, weights=written or settings.weights, container=container, typed=[])

    def _built_for(self, settings: RepairSettings, report: RepairReport) -> Recipe:
        """The recipe for a model made with the arguments that the report proposes."""
        recipe = self._with(settings)
        return replace(recipe, arguments=with_arguments(recipe.arguments, report.arguments))

    async def _open(self, recipe: Recipe) -> None:
        await open_model(self._app, recipe)
        if self._app.recipe is not recipe:
            # The worker gave the former model up.
            await open_model(self._app)

"""Stepping through a forward pass: what is asked of the pass that waits, and what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as with_fields

from inspector.core.breakpoints import breakpoint_at, parse_breakpoint
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.stop_wording import stop_title
from inspector.core.stops import Evaluation, StepCommand, StepReport, StepSettings, Stop, StopFrame
from inspector.core.table import ModelTable, Row
from inspector.worker.protocol import ChangeAtStop, Evaluate, LookAtStop, StartStepping, Step

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

DOING: dict[StepCommand, str] = {"continue": "running to the next breakpoint", "end": "leaving the pass"}
OVER = {"finished": "the pass ran to its end", "failed": "the pass failed", "left": "the pass was left"}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An expression without a value."""

    expression: str
    why: str


@dataclass(frozen=True, kw_only=True)
class SteppedPass:
    """Where a pass waits, or how it ended, and how it is looked at."""

    report: StepReport
    frame: int = 0
    """The one looked at, from the innermost outwards."""
    evaluated: tuple[Evaluation | Refused, ...] = ()
    """At this stop, the last one first."""

    @property
    def stop(self) -> Stop | None:
        """None once the pass is over."""
        return self.report.stop

    @property
    def looked_at(self) -> StopFrame | None:
        """The frame looked at, where the stop has any."""
        return self.stop.frames[self.frame] if self.stop is not None and self.stop.frames else None


class Stepping:
    """The application's side of a stepped pass."""

    def __init__(self, app: NNInspectApp) -> None:
        self._app = app
        self.now: SteppedPass | None = None
        self.settings = StepSettings()
        """How the last pass began; without its breakpoints."""
        self.breakpoints: list[str] = []
        """As typed; those of every pass."""
        self._one_by_one = asyncio.Lock()
        """What is asked of the pass, in the order of the keys: each depends on where the one before came to."""
        self._starting = 0
        self._marked: frozenset[int] = frozenset()
        self._marked_in: ModelTable | None = None
        """The table whose rows are marked; None where they are to be found anew."""

    @property
    def stop(self) -> Stop | None:
        """Where a pass waits, if one does."""
        return self.now.stop if self.now is not None else None

    @property
    def waits(self) -> bool:
        """A pass waits at a stop."""
        return self.stop is not None

    @property
    def is_on(self) -> bool:
        """A pass waits, or one is on its way to its first stop; keys that step are taken already."""
        return self.waits or bool(self._starting)

    def start(self, settings: StepSettings | None = None) -> None:
        """Begin a pass, with the inputs of the other passes unless `settings` say else."""
        wanted = settings or StepSettings(inputs=self._app.inputs, seed=self._app.recipe.seed)
        self.settings = wanted
        self._spawn(
            self._arrive(
                StartStepping(settings=with_fields(wanted, breakpoints=list(self.breakpoints))), "starting to step"
            )
        )

    def start_to_failure(self) -> None:
        """Run to where forward fails, past all breakpoints."""
        # With the numbers of the pass that failed.
        seed = self._app.report.seed if self._app.report is not None else self._app.recipe.seed
        self.settings = StepSettings(inputs=self._app.inputs, seed=seed, command="continue")
        self._spawn(self._to_failure())

    def go(self, command: StepCommand) -> None:
        """Go on from the stop."""
        request = Step(command=command, breakpoints=list(self.breakpoints))
        self._spawn(self._arrive(request, DOING.get(command, "stepping")))

    def change(self, text: str) -> None:
        """Change what the row puts out."""
        self._spawn(self._arrive(ChangeAtStop(change=text), f"changing: {text}"))

    def evaluate(self, expression: str) -> None:
        """Work out an expression in the frame looked at."""
        self._spawn(self._evaluate(expression))

    def walk(self, by: int) -> None:
        """To a frame further out, or further in."""
        if self.now is None or self.stop is None:
            return
        wanted = self.now.frame + by
        if 0 <= wanted < len(self.stop.frames):
            self.now = replace(self.now, frame=wanted)
            self._app.look()
        else:
            self._app.say("no function of the model's called this one" if by > 0 else "this is the innermost function")

    def toggle_breakpoint(self) -> None:
        """Set a breakpoint at the tree's row, or remove it."""
        table, row = self._app.table, self._app.row
        if table is None or row is None:
            return
        text = breakpoint_of(table, row)
        gone = text in self.breakpoints
        self.set_breakpoints([one for one in self.breakpoints if one != text] if gone else [*self.breakpoints, text])
        self._app.say(f"no breakpoint any more: {text}" if gone else f"breakpoint: {text}")

    def set_breakpoints(self, breakpoints: list[str]) -> None:
        """Those that hold from the next step on."""
        self.breakpoints = breakpoints
        self._marked_in = None
        self._show()

    def forget(self) -> None:
        """There is no pass any more: it was lost, or another model is open."""
        self._keep(None)

    def mark(self) -> None:
        """Mark the stop and the breakpoints in the tree."""
        table = self._app.table
        if table is not None:
            if self._marked_in is not table:
                self._marked_in, self._marked = table, marked_rows(table, self.breakpoints)
            at = row_of(table, self.stop) if self.stop is not None else None
            self._app.module_tree.mark_stops(at, self._marked)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._app.conversation.spawn(work)

    async def _arrive(self, request: StartStepping | Step | ChangeAtStop, doing: str) -> None:
        """Ask, and show where the pass waits then; of a pass that is over meanwhile nothing is asked."""
        starting = isinstance(request, StartStepping)
        self._starting += starting
        try:
            async with self._one_by_one:
                if not starting and not self.waits:
                    return
                report = await self._app.conversation.ask(request, doing)
                if report is not None:
                    self._show_report(report)
                else:
                    await self._look_again()
        finally:
            self._starting -= starting
            self._app.show_stepping()

    async def _to_failure(self) -> None:
        await self._arrive(StartStepping(settings=self.settings), "running to the failure")
        if self.now is not None and self.now.report.state == "finished":
            self._app.say("this pass did not fail; with real values forward runs to its end", "$text-warning")

    async def _evaluate(self, expression: str) -> None:
        async with self._one_by_one:
            if self.now is None or self.stop is None:
                return
            request = Evaluate(expression=expression, frame=self.now.frame)
            found = await self._app.conversation.ask(request, f"evaluating {expression}", tell=False)
            refusal = self._app.conversation.refusal
            result: Evaluation | Refused
            if found is not None:
                result = found
            elif isinstance(refusal, RequestError):
                result = Refused(expression=expression, why=str(refusal))
            else:
                await self._look_again()
                return
            if self.now is not None:
                self.now = replace(self.now, evaluated=(result, *self.now.evaluated))
                self._app.look()

    async def _look_again(self) -> None:
        """Where the pass waits after something was refused, cancelled or lost."""
        if self.now is None:
            return
        try:
            report = await self._app.client.request(LookAtStop())
        except (RequestError, ModelEndedError, RequestCancelledError):
            self.forget()
        else:
            if self.now is None or report.stop != self.now.stop:
                self._show_report(report)

    def _show_report(self, report: StepReport) -> None:
        self._keep(SteppedPass(report=report))
        app, stop = self._app, report.stop
        app.side.open("step")
        if stop is not None and app.table is not None:
            app.module_tree.go_to_row(row_of(app.table, stop))
            app.say(stop_title(stop), "$text-error" if stop.failure is not None else "$text-warning")
        else:
            app.say(OVER.get(report.state, report.state), "$text-error" if report.state == "failed" else "")

    def _keep(self, now: SteppedPass | None) -> None:
        self.now = now
        self._show()

    def _show(self) -> None:
        self.mark()
        self._app.show_stepping()


def row_of(table: ModelTable, stop: Stop) -> int:
    """The row of the table at which a pass waits; the module's where the table has not that call."""
    if stop.row.index is not None and stop.row.index < len(table.rows):
        return stop.row.index
    return next((row.index for row in table.rows if row.path == stop.row.path and row.kind != "function"), 0)


def breakpoint_of(table: ModelTable, row: Row) -> str:
    """The breakpoint at one row and, where it is one of several calls, at that call alone."""
    calls = sum(_callee(one) == _callee(row) for one in table.rows)
    return breakpoint_at(row.path, row.type, row.kind == "function", row.call if calls > 1 else None)


def marked_rows(table: ModelTable, breakpoints: list[str]) -> frozenset[int]:
    """The rows that breakpoints name; a condition alone names none."""
    patterns = [parse_breakpoint(one).rows for one in breakpoints]
    naming = [one for one in patterns if one.path is not None or one.type is not None or one.call is not None]
    return frozenset(
        row.index
        for row in table.rows
        for pattern in naming
        if pattern.matches([row.path, *row.shared_with], row.type, row.kind == "function", row.call)
    )


def _callee(row: Row) -> tuple[str, str]:
    return row.path, row.type if row.kind == "function" else ""

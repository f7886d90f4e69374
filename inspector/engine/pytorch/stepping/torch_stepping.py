"""Stepping through a module's forward, as the rest of the program sees it."""

from typing import Any

from torch import nn

from inspector.core.breakpoints import Breakpoint, parse_breakpoint
from inspector.core.output_changes import RowChange, parse_change, parse_row_change
from inspector.core.recipe import InputSpec
from inspector.core.row_patterns import refuse_unknown
from inspector.core.stop_wording import row_name
from inspector.core.stops import Evaluation, StepCommand, StepReport, StepSettings
from inspector.core.table import Row
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.places import places_of
from inspector.engine.pytorch.stepping.call_numbers import RowKey
from inspector.engine.pytorch.stepping.evaluating import evaluated
from inspector.engine.pytorch.stepping.other_run import outputs_of_rows
from inspector.engine.pytorch.stepping.passing import SteppedPass, written
from inspector.engine.pytorch.stepping.stepper import Here, Plan, names_at, row_of
from inspector.engine.pytorch.stepping.stop_values import StopValues, printed
from inspector.engine.pytorch.stepping.stopping import StopWriter
from inspector.engine.stepping import Stepping


def stepping_through(
    model: nn.Module,
    specs: list[InputSpec],
    settings: StepSettings,
    rows: list[Row],
    calls: int | None,
    progress: Progress,
) -> Stepping:
    """A pass on these inputs; `rows` are the table's, `calls` how many the last pass made.

    Raises RequestError where a breakpoint or change does not read or names no module, or the other run fails.
    """
    _read(settings.breakpoints, settings.changes, model)
    other = None
    if settings.other is not None:
        given = arguments_for(model, settings.other.inputs or specs, settings.other.seed)
        other = outputs_of_rows(model, given, settings.other.seed, progress)
    return TorchStepping(model, arguments_for(model, specs, settings.seed), settings, other, rows, calls, progress)


class TorchStepping(Stepping):
    """One pass from its first stop to its end."""

    def __init__(
        self,
        model: nn.Module,
        arguments: Arguments,
        settings: StepSettings,
        other: dict[RowKey, Any] | None,
        rows: list[Row],
        calls: int | None,
        progress: Progress,
    ) -> None:
        self._model = model
        breakpoints, changes = _read(settings.breakpoints, settings.changes, model)
        plan = Plan(settings.command, breakpoints, changes, other, progress)
        known = {(row.path, row.type if row.kind == "function" else "", row.call): row.index for row in rows}
        self._writer = StopWriter(
            model, lambda path, type_, is_function, call: known.get((path, type_ if is_function else "", call))
        )
        self._pass = SteppedPass(model, arguments, settings.seed, plan, calls)
        self._stops = 0

    def start(self) -> StepReport:
        """Go to the first stop."""
        return self._reported(self._pass.start())

    @property
    def is_over(self) -> bool:
        """Whether its thread has ended."""
        return self._pass.is_over

    @property
    def where(self) -> str:
        """The moment and the row."""
        here = self._pass.here
        return f"{here.moment} {row_name(row_of(here))}" if here is not None else ""

    def go(self, command: StepCommand, breakpoints: list[str] | None, progress: Progress) -> StepReport:
        """Go to the next stop or the end."""
        points = None if breakpoints is None else _read(breakpoints, [], self._model)[0]
        return self._reported(self._pass.go(command, points, progress))

    def evaluate(self, expression: str, frame: int) -> Evaluation:
        """In the frame, which sees the row's output, args, kwargs and module where it has no such names itself."""

        def work(here: Here) -> Evaluation:
            value = evaluated(expression, names_at(here, self._model, frame))
            return Evaluation(
                expression=expression,
                frame=frame,
                values=StopValues().described(value, expression),
                text=printed(value),
            )

        return self._pass.do(work)

    def change(self, text: str) -> StepReport:
        """Change the output, or the arguments."""
        self._pass.change(parse_change(text))
        return self.look()

    def _reported(self, answer: Here | StepReport) -> StepReport:
        if isinstance(answer, StepReport):
            return answer
        self._stops += 1
        return self.look()

    def look(self) -> StepReport:
        """Describe the stop."""
        stop = written(self._pass, self._writer, self._stops)
        return StepReport(state="stopped", stop=stop, failure=stop.failure, changes=self._pass.changes)


def _read(breakpoints: list[str], changes: list[str], model: nn.Module) -> tuple[list[Breakpoint], list[RowChange]]:
    points, row_changes = [parse_breakpoint(text) for text in breakpoints], [parse_row_change(text) for text in changes]
    paths = [place.path for place in places_of(model)]
    for point in [*points, *(change.at for change in row_changes)]:
        refuse_unknown(point.rows, paths)
    return points, row_changes

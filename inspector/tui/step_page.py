"""The texts of the ninth panel: where a pass waits, frames, values, what expressions gave, how the pass ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.results import OutputPreview
from inspector.core.stop_wording import frame_function, row_name, value_text
from inspector.core.stops import Evaluation, Reason, StepReport, Stop, StopFrame, StopValue
from inspector.tui.keys_here import keyed
from inspector.tui.overview import failure
from inspector.tui.page import CODE, ERROR, GOOD, LABELLED, MUTED, WARNING, Page
from inspector.tui.stepping import OVER, Refused, SteppedPass

NAME = 10
"""Cells that the names of values take, unless one is longer."""
LONGEST_NAME = 24
WHY: dict[Reason, str] = {
    "start": "the pass begins here",
    "step": "a step ends here",
    "breakpoint": "a breakpoint",
    "failure": "the pass failed; the next step ends it",
}


def place_page(stepped: SteppedPass) -> Page:
    """Where the pass waits and why, and whose line is shown below."""
    page, stop, frame = Page(), stepped.stop, stepped.looked_at
    assert stop is not None
    if stop.failure is not None:
        page.line((f"✗ {row_name(stop.row)}", f"bold {ERROR}"), (f"  stop {stop.number}: {WHY['failure']}", MUTED))
    else:
        page.line(
            (f"▶ {stop.moment} {row_name(stop.row)}", f"bold {WARNING}"), (f"  stop {stop.number}: {_why(stop)}", MUTED)
        )
    if frame is not None:
        page.line((_place(frame), LABELLED))
    return page


def _place(frame: StopFrame) -> str:
    return f"{frame_function(frame)}  {wording.source_place(frame.source)}"


def _why(stop: Stop) -> str:
    return f"breakpoint {stop.breakpoint}" if stop.breakpoint else WHY[stop.why]


def values_page(stepped: SteppedPass) -> Page:
    """What the row puts out and is given, the frame's variables, and the functions that are running."""
    page, stop, frame = Page(), stepped.stop, stepped.looked_at
    assert stop is not None
    if stop.failure is not None:
        page.line((f"{stop.failure.type}: {stop.failure.message}", ERROR))
    _values(page, "Output" if len(stop.outputs) < 2 else "Outputs", stop.outputs)
    for change in stop.changes:
        page.fact("changed", change, WARNING)
    _values(page, "Arguments", stop.arguments)
    if frame is not None:
        left_out = f"and {frame.left_out} more" if frame.left_out else ""
        _values(page, "Variables", frame.locals, left_out)
    if len(stop.frames) > 1:
        page.heading("Functions", keyed("the innermost last; {step_frame_up} and {step_frame_down} walk", at_stop=True))
        for number in reversed(range(len(stop.frames))):
            here = number == stepped.frame
            page.line(("▶ " if here else "  ", WARNING), (_place(stop.frames[number]), "bold" if here else ""))
    if stop.failure is not None:
        failure(page, stop.failure)
    return page


def evaluated_page(evaluated: Sequence[Evaluation | Refused]) -> Page:
    """What expressions gave, the last one first."""
    page = Page()
    for one in evaluated:
        page.line((">>> ", MUTED), (one.expression, CODE), hang=4)
        if isinstance(one, Refused):
            page.paragraph(one.why, ERROR)
            continue
        for value in one.values:
            if value.dtype is not None:
                part = "" if value.name == one.expression else f"{value.name} "
                page.line((part, CODE), value_text(value))
        page.paragraph(one.text)
    return page


def outcome_page(report: StepReport) -> Page:
    """How a pass ended."""
    page = Page()
    page.line((OVER.get(report.state, report.state), f"bold {ERROR if report.state == 'failed' else GOOD}"))
    if report.failure is not None:
        failure(page, report.failure)
    if report.changes:
        page.heading("Changed on the way")
        page.bullets(report.changes)
    for output in report.outputs:
        _output(page, output)
    page.line()
    page.line((keyed("{step_start} steps through another pass"), MUTED))
    return page


def _output(page: Page, output: OutputPreview) -> None:
    page.heading(f"Output {output.name}".rstrip(), f"{wording.shape(output.shape)} {output.dtype}")
    page.paragraph(output.text)


def _values(page: Page, title: str, values: Sequence[StopValue], more: str = "") -> None:
    if not values:
        return
    page.heading(title, more)
    name = max(NAME, min(LONGEST_NAME, max(cell_len(value.name) + 1 for value in values)))
    for value in values:
        _value(page, value, name)


def _value(page: Page, value: StopValue, name: int) -> None:
    numbers = value.statistics
    broken = numbers is not None and bool(numbers.nan or numbers.inf)
    label = f"{value.name:<{name}}" if len(value.name) < name else f"{value.name} "
    page.line((label, CODE), (value_text(value), ERROR if broken else ""), hang=name)

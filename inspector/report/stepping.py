"""`step` as text."""

from rich.text import Text

from inspector.core import wording
from inspector.core.stop_wording import frame_line, frame_place, stop_title, value_text
from inspector.core.stops import StepReport, Stop, StopValue
from inspector.report.console import standard_output


def print_stop(stop: Stop, frames: bool) -> None:
    """A stop: the row with what it puts out; with `frames` also what it is given, the source line and the locals."""
    console = standard_output(soft_wrap=True)
    failed = stop.failure is not None
    console.print(Text(f"{stop.number:>4}  {stop_title(stop)}", style="bold red" if failed else ""))
    given = stop.arguments if frames or failed else []
    for one in [*given, *stop.outputs]:
        console.print(Text(f"      {_line(one)}"))
    for change in stop.changes:
        console.print(Text(f"      changed: {wording.printable(change)}"))
    for frame in stop.frames[: len(stop.frames) if failed else 1] if frames or failed else []:
        console.print(Text(f"      {frame_place(frame)}"))
        for line in frame_line(frame):
            console.print(Text(f"         {line}"))
        for value in frame.locals:
            console.print(Text(f"         {_line(value)}"))
    for text in [stop.failure.explanation, *stop.failure.suggestions] if stop.failure is not None else []:
        if text:
            console.print(Text(f"      {wording.printable(text)}"))


def print_end(report: StepReport, changes: bool) -> None:
    """How the pass ended, with its outputs; whether `changes` were asked for, and were made."""
    console = standard_output(soft_wrap=True)
    if changes:
        made = [f"changed: {wording.printable(one)}" for one in report.changes]
        console.print(Text("\n" + "\n".join(made or ["nothing was changed: no row came for which --change is"])))
    for output in report.outputs:
        console.print(Text(f"\n{output.name}  {wording.shape(output.shape)}  {output.dtype}"))
        console.print(Text(output.text))


def _line(value: StopValue) -> str:
    return f"{wording.printable(value.name)} = {value_text(value)}"

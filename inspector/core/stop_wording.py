"""Stops of a stepped pass in words."""

from inspector.core.results import Statistics
from inspector.core.stops import Stop, StopFrame, StopRow, StopValue
from inspector.core.wording import number, printable, shape


def row_name(row: StopRow) -> str:
    """A row as it is called: ``conv1 (Conv2d)``, ``layer1 F.relu``, with the call where it is not the first."""
    path = printable(row.place) or "the model"
    name = f"{path} {row.type}" if row.is_function else f"{path} ({printable(row.type)})"
    return name + (f", call {row.call + 1}" if row.call else "")


def stop_title(stop: Stop) -> str:
    """Where a pass waits, and why."""
    if stop.failure is not None:
        return f"forward failed in {row_name(stop.row)}: {stop.failure.type}: {printable(stop.failure.message)}"
    why = f"  [{printable(stop.breakpoint)}]" if stop.breakpoint else ""
    return f"{stop.moment} {row_name(stop.row)}{why}"


def value_text(value: StopValue) -> str:
    """A tensor's shape, dtype and numbers; of anything else what it is."""
    if value.dtype is None:
        return printable(value.text)
    device = "" if value.device in (None, "cpu") else f" {value.device}"
    return f"{shape(value.shape)} {value.dtype}{device}{_numbers(value.statistics)}"


def frame_place(frame: StopFrame) -> str:
    """Function, file and line of a frame: ``forward of layer1.0  net.py:31``."""
    of = "" if frame.path is None else f" of {printable(frame.path) or 'the model'}"
    return f"{printable(frame.function)}{of}  {printable(frame.source.file)}:{frame.source.line}"


def frame_line(frame: StopFrame) -> list[str]:
    """The line that is being carried out, and below it a mark under the part of it where that is known."""
    text = printable(frame.source.text)
    if frame.columns is None:
        return [text]
    # Columns count from the beginning of the line; the text begins at what is not a blank.
    whole = _whole_line(frame)
    blanks = len(whole) - len(whole.lstrip())
    first, last = frame.columns[0] - blanks, frame.columns[1] - blanks
    return [text, " " * first + "^" * (last - first)] if 0 <= first < last <= len(text) else [text]


def _whole_line(frame: StopFrame) -> str:
    lines = frame.code.splitlines()
    at = frame.source.line - frame.first_line
    return lines[at] if 0 <= at < len(lines) else frame.source.text


def _numbers(statistics: Statistics | None) -> str:
    if statistics is None or (statistics.mean is None and not (statistics.nan or statistics.inf)):
        return ""
    names = ("mean", "std", "min", "max")
    found = [f"{name} {number(getattr(statistics, name))}" for name in names if getattr(statistics, name) is not None]
    found += [f"{count:,} {name}" for count, name in ((statistics.nan, "NaN"), (statistics.inf, "Inf")) if count]
    return "  " + "  ".join(found)

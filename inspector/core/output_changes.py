"""Changes of what a row puts out while a pass waits there, as text: ``zero``, ``clamp(-1, 1)``, ``[0, 3] = 1.5``."""

import math
import re
from typing import Literal

from inspector.core.breakpoints import Breakpoint, parse_breakpoint
from inspector.core.errors import RequestError
from inspector.core.record import Record

ChangeKind = Literal["zero", "noise", "clamp", "scale", "element", "file", "other", "expression"]
FORMS = (
    "zero, scale(FACTOR), clamp(LOW, HIGH), noise(STD), noise(STD, SEED), [0, 3] = VALUE, file(PATH), other, "
    "= EXPRESSION"
)
_NUMBERS = {"zero": (0, 0), "scale": (1, 1), "clamp": (2, 2), "noise": (1, 2), "other": (0, 0)}
"""How many numbers a change takes, at least and at most."""


class OutputChange(Record, frozen=True, kw_only=True):
    """One change of an output, before the pass goes on with it."""

    text: str
    """As it was typed."""
    kind: ChangeKind
    numbers: list[float] = []
    """Factor; lowest and highest; standard deviation and seed; the element's new value."""
    index: list[int] = []
    """Of the element: one number for each axis."""
    argument: str = ""
    """The file, or the Python expression."""
    tensor: int | None = None
    """Which of the output's tensors, from 0; None for all of floating point, for an element the first."""


class RowChange(Record, frozen=True, kw_only=True):
    """A change that is made whenever a pass comes to certain rows, without stopping."""

    at: Breakpoint
    change: OutputChange


def parse_change(text: str) -> OutputChange:
    """Read a change; all but an expression may end in ``@1``: of the output's second tensor alone.

    Raises RequestError that lists what can be written.
    """
    typed = text.strip()
    if typed.startswith("=") and typed[1:].strip():
        return OutputChange(text=typed, kind="expression", argument=typed[1:].strip())
    which = re.search(r"\s*@(\d+)$", typed)
    bare, tensor = (typed[: which.start()], int(which[1])) if which else (typed, None)
    if named := re.fullmatch(r"file\s*\(\s*(.+?)\s*\)", bare):
        return OutputChange(text=typed, kind="file", argument=named[1], tensor=tensor)
    if element := re.fullmatch(r"\[([^\]]*)\]\s*=\s*(.+)", bare):
        return OutputChange(
            text=typed,
            kind="element",
            index=[_whole(part, typed) for part in element[1].split(",") if part.strip()],
            numbers=[_number(element[2], typed, infinite=True, nan=True)],
            tensor=tensor,
        )
    call = re.fullmatch(r"([a-z]+)\s*(?:\((.*)\))?", bare)
    if call is None or call[1] not in _NUMBERS:
        raise RequestError(f"{typed!r} is no change of an output; write one of {FORMS}")
    parts = [part for part in (call[2] or "").split(",") if part.strip()]
    numbers = [_number(part, typed, infinite=call[1] == "clamp", nan=False) for part in parts]
    least, most = _NUMBERS[call[1]]
    if not least <= len(numbers) <= most:
        raise RequestError(f"{typed!r}: {call[1]} takes {least if least == most else f'{least} or {most}'} numbers")
    if call[1] == "noise" and (numbers[0] < 0 or (len(numbers) > 1 and (numbers[1] % 1 or numbers[1] < 0))):
        raise RequestError(f"{typed!r}: noise takes a standard deviation of 0 or more, and a whole number as its seed")
    return OutputChange(text=typed, kind=call[1], numbers=numbers, tensor=tensor)  # type: ignore[arg-type]  # a key of _NUMBERS


def parse_row_change(text: str) -> RowChange:
    """Read ``ROW: CHANGE``, the row as a breakpoint is written. Raises RequestError where it does not read."""
    parts = re.fullmatch(r"(.*?):\s+(\S.*)", text.strip(), re.DOTALL)
    if parts is None:
        raise RequestError(f"{text.strip()!r} is no change: write ROW: CHANGE, for example 'conv1: zero'")
    at = parse_breakpoint(parts[1])
    if at.moment == "before":
        raise RequestError(f"{text.strip()!r}: outputs exist after a row; leave `before` out")
    return RowChange(at=at, change=parse_change(parts[2]))


def _number(text: str, typed: str, *, infinite: bool, nan: bool) -> float:
    try:
        number = float(text)
    except ValueError:
        raise RequestError(f"{typed!r}: {text.strip()!r} is not a number") from None
    if (math.isinf(number) and not infinite) or (math.isnan(number) and not nan):
        raise RequestError(f"{typed!r}: {text.strip()!r} is not finite; an element can be set to it: [0, 3] = nan")
    return number


def _whole(text: str, typed: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"{typed!r}: {text.strip()!r} is not an index; write a whole number for each axis") from None

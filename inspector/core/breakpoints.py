"""Where a pass that is stepped through stops, as text: ``conv1``, ``type:Conv2d if nan``, ``before fc1``."""

import re

from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.row_patterns import EXAMPLES, RowPattern, parse_row_pattern
from inspector.core.stops import Moment
from inspector.core.tensor_conditions import EXAMPLES as CONDITIONS
from inspector.core.tensor_conditions import Condition, begins_condition, parse_condition


class Breakpoint(Record, frozen=True, kw_only=True):
    """A pattern for rows, a condition on what they put out, or both."""

    text: str
    """As it was typed."""
    rows: RowPattern
    condition: Condition | None = None
    """On any tensor that the row puts out; before the row, on any that it is given."""
    moment: Moment = "after"


def breakpoint_at(path: str, type_: str, is_function: bool, call: int | None) -> str:
    """A breakpoint at one row, as it would be typed; `call` counts from 0, None is for all calls."""
    of_type = f" type:{type_}" if is_function else ""
    which = "" if call is None else f" #{call + 1}"
    plain = f"{path}{of_type}{which}"
    meant = RowPattern(path=path, type=type_ if is_function else None, call=None if call is None else call + 1)
    try:
        read = parse_breakpoint(plain)
    except RequestError:
        read = None
    # Some paths, such as that of the model itself, read as something else.
    is_read = read is not None and (read.rows, read.condition, read.moment) == (meant, None, "after")
    return plain if is_read else f"module:{plain}"


def parse_breakpoint(text: str) -> Breakpoint:
    """Read ``[before] [ROW] [if CONDITION]``; a condition alone is on all rows.

    Raises RequestError with the place of what does not read.
    """
    typed = text.strip()
    if not typed:
        raise RequestError(f"a breakpoint is missing: write a row ({EXAMPLES}), a condition ({CONDITIONS}), or both")
    moment: Moment = "before" if re.match(r"before(\s|$)", typed) else "after"
    start = re.match(r"(before|after)(\s+|$)", typed)
    at = start.end() if start else 0
    split = re.compile(r"(?:^|\s)if(\s|$)").search(typed, at)
    if split is not None:
        rows, condition = typed[at : split.start()], parse_condition(typed, split.end())
    elif begins_condition(typed[at:]):
        rows, condition = "", parse_condition(typed, at)
    else:
        rows, condition = typed[at:], None
    return Breakpoint(text=typed, rows=parse_row_pattern(rows), condition=condition, moment=moment)

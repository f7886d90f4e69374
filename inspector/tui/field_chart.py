"""Field size against depth as columns of blocks, the input size as a line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log

from inspector.core import wording
from inspector.core.drawn_bars import EIGHTHS
from inspector.core.field_growth import Growth, Step
from inspector.core.table import Row
from inspector.tui.field_facts import axis_names
from inspector.tui.lines import Line
from inspector.tui.page import MUTED, WARNING

SIZE, FULL = "$text-primary", "$text-primary on $text-primary"
BEYOND, MIXED = "$text-warning", "$accent 60%"
INPUT, CURSOR = "$text-success", "bold $text-accent"
WIDEST = 10
"""Cells of a column where there are few."""
LOGARITHMIC = 24
"""The ratio of the largest to the smallest size from which on the scale is logarithmic."""


@dataclass(frozen=True)
class Chart:
    """Lines for the panel, and which step each of its columns belongs to."""

    lines: list[Line]
    left: int
    step_at: list[int]
    """The step's number for each cell from `left` on."""


def chart(growth: Growth, row: Row, width: int, height: int) -> Chart:
    """The growth of fields in so many cells, the row that is looked at marked below."""
    steps, pixels = growth.steps, growth.pixels
    here = step_of(growth, row)
    legend = _legend(growth, here, width)
    sizes = [step.size or pixels for step in steps]
    most, least = max(*sizes, pixels), min(*sizes, pixels)
    logarithmic = most >= LOGARITHMIC * least
    title = f"Field size by layer, along {axis_names(growth.axes)[growth.axis]}{', log scale' if logarithmic else ''}"
    gutter = max(len(str(most)), len(str(pixels))) + 1
    step_at = _columns(len(steps), width - gutter - 1)
    rows = max(1, height - 3 - len(legend))
    scale = _Scale(least / 2 if logarithmic else 0, most, rows)
    line_at = min(rows - 1, int(scale.level(pixels) * rows - 0.001))
    columns = [_column(members, scale, pixels, line_at) for members in _members(step_at, steps)]
    lines: list[Line] = [[(title, "bold")]]
    lines.append([(" " * (gutter + 1) + _marks(growth, step_at), WARNING)])
    for y in range(rows - 1, -1, -1):
        label = str(pixels) if y == line_at else str(most) if y == rows - 1 and most > pixels else ""
        style = INPUT if y == line_at else MUTED
        cells = [column[y] for column in columns]
        runs = [("".join(c for c, _ in run), s) for s, run in groupby(cells, key=lambda cell: cell[1])]
        lines.append([(f"{label:>{gutter}}", style), ("┤" if label else "│", MUTED), *runs])
    lines.append([(" " * gutter + "└", MUTED), *_axis(step_at, here)])
    return Chart([*lines, *legend], gutter + 1, step_at)


def step_of(growth: Growth, row: Row) -> int | None:
    """The last step of a row, its own or one of those it holds; None where it has none."""
    inside = [n for n, step in enumerate(growth.steps) if row.index <= step.row.index < row.index + row.subtree]
    return inside[-1] if inside else None


class _Scale:
    """Sizes as shares of the chart's height."""

    def __init__(self, base: float, most: int, rows: int) -> None:
        self.rows = rows
        self._base = base
        """The size at the bottom of a logarithmic scale; 0 for a linear one."""
        self._most = most

    def level(self, size: int) -> float:
        """From 0 to 1."""
        return log(size / self._base) / log(self._most / self._base) if self._base else size / self._most

    def eighths(self, size: int) -> int:
        """Never 0, so that every layer is seen."""
        return max(1, round(self.level(size) * self.rows * 8))


def _columns(steps: int, room: int) -> list[int]:
    """The step under each cell: several cells a step where there are few, several steps a cell where there are many."""
    if steps > room:
        return [cell * steps // room for cell in range(max(1, room))]
    wide = min(WIDEST, room // steps)
    return [step for step in range(steps) for _ in range(wide)]


def _members(step_at: Sequence[int], steps: Sequence[Step]) -> list[list[Step]]:
    """The steps that each cell shows; none in the gap between wide columns."""
    members = []
    for cell, first in enumerate(step_at):
        following = step_at[cell + 1] if cell + 1 < len(step_at) else len(steps)
        gap = following != first and cell > 1 and step_at[cell - 2] == first
        members.append([] if gap else list(steps[first : max(first + 1, following)]))
    return members


def _column(members: Sequence[Step], scale: _Scale, pixels: int, line_at: int) -> list[tuple[str, str]]:
    """The characters of one column, from the lowest."""
    known = [step.size for step in members if step.size is not None]
    filled = scale.eighths(max(known)) if known else 0
    # Rounding must not carry a field over the line of the input's size, nor keep it below.
    line = 8 * (line_at + 1)
    filled = max(filled, line) if known and max(known) >= pixels else min(filled, line - 1)
    whole = any(step.whole for step in members)
    column = []
    for y in range(scale.rows):
        level = max(0, min(8, filled - 8 * y))
        if y > line_at and level:
            column.append(("▒" if level > 3 else "▁", BEYOND))
        elif level and not (whole and level < 8):
            column.append((EIGHTHS[level], SIZE if level < 8 else FULL))
        elif whole and y <= line_at:
            column.append(("░", MIXED))
        else:
            column.append(("─" if y == line_at else " ", INPUT))
    return column


def _cell_of(step_at: Sequence[int], step: int) -> int:
    """The middle of a step's cells, or the cell that it shares."""
    cells = [cell for cell, first in enumerate(step_at) if first == step]
    if cells:
        return cells[(len(cells) - 1) // 2]
    return max(cell for cell, first in enumerate(step_at) if first < step)


REACHING, EVERYTHING, HERE = "▽", "▼", "▲"


def _marks(growth: Growth, step_at: Sequence[int]) -> str:
    line = [" "] * len(step_at)
    for step, mark in ((growth.reaching, REACHING), (growth.everything, EVERYTHING)):
        if step is not None:
            line[_cell_of(step_at, growth.steps.index(step))] = mark
    return "".join(line)


def _axis(step_at: Sequence[int], here: int | None) -> Line:
    line = "─" * len(step_at)
    if here is None:
        return [(line, MUTED)]
    at = _cell_of(step_at, here)
    return [(line[:at], MUTED), (HERE, CURSOR), (line[at + 1 :], MUTED)]


def _legend(growth: Growth, here: int | None, width: int) -> list[Line]:
    pixels = growth.pixels
    sentences = []
    if here is None:
        sentences.append((" ", "the row looked at has no field on this input", MUTED))
    else:
        sentences.append((HERE, f"{_name(growth.steps[here])}: {_told(growth.steps[here], pixels)}", CURSOR))
    reaching, everything = growth.reaching, growth.everything
    if reaching is None:
        sentences.append((" ", f"no field is as large as the input, {pixels}", INPUT))
    elif reaching is not everything:
        sentences.append(
            (REACHING, f"{_name(reaching)}: from here on fields are as large as the input, {pixels}", WARNING)
        )
    if everything is not None:
        sentences.append(
            (
                EVERYTHING,
                f"past {_name(everything)} more context is impossible: every unit's field covers the input",
                WARNING,
            )
        )
    lines: list[Line] = []
    for mark, text, style in sentences:
        for number, piece in enumerate(textwrap.wrap(text, max(10, width - 2))):
            lines.append([(f"{mark if not number else ' '} ", style), piece])
    return lines


def _told(step: Step, pixels: int) -> str:
    if step.whole:
        window = f", its window alone {step.size}" if step.size else ""
        return f"the whole input{window}"
    return f"{'at most ' if step.bound else ''}{step.size} of {pixels}"


def _name(step: Step) -> str:
    row = step.row
    if row.kind == "function":
        return wording.printable(f"{row.type} in {row.path}" if row.path else row.type)
    return wording.printable(row.path or row.type) + (f", call {row.call + 1}" if row.call else "")

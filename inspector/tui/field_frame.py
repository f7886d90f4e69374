"""A picture of cells in a frame, as characters: half blocks, two cells to a character's height.

Characters alone tell the marks apart, so that it can be read without colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from inspector.core.field_axes import Interval, inside, shown_windows
from inspector.core.field_picture import Mark, Picture
from inspector.core.table import ReceptiveField
from inspector.tui.lines import Line
from inspector.tui.page import MUTED

SEEN, FILLED, CENTRE = "$text-accent on $surface", "$text-accent on $text-accent", "bold $surface on $text-accent"
MIXED, IMAGE = "$accent 60% on $surface", "$foreground 25% on $surface"
FRAME = "$foreground 40%"
BLOCKS = {
    (Mark.FIELD, Mark.FIELD): "█",
    (Mark.FIELD, Mark.REST): "▀",
    (Mark.REST, Mark.FIELD): "▄",
    (Mark.FIELD, Mark.WHOLE): "▀",
    (Mark.WHOLE, Mark.FIELD): "▄",
    (Mark.WHOLE, Mark.WHOLE): "░",
    (Mark.REST, Mark.REST): "·",
}
"""A character by its upper and its lower cell."""
MIDDLE = "┼"
ABOVE, AROUND, RIGHT = 2, 3, 8
"""Lines above the picture, lines above and below it, and cells to its right: its frame and the numbers there."""


def framed_grid(drawn: Picture) -> list[Line]:
    """The output's units in a frame, without numbers."""
    edge = "─" * drawn.columns.cells
    lines: list[Line] = [[(f"┌{edge}┐", FRAME)]]
    lines += [[("│", FRAME), *_characters(drawn, line), ("│", FRAME)] for line in range((drawn.rows.cells + 1) // 2)]
    return [*lines, [(f"└{edge}┘", FRAME)]]


def gutter_of(field: ReceptiveField) -> int:
    """Cells to the left of the frame, for the numbers of rows."""
    return 1 if len(field.axes) == 1 else len(str(field.axes[-2].pixels)) + 1


def framed(drawn: Picture, field: ReceptiveField, unit: Sequence[int], gutter: int) -> list[Line]:
    """The picture in a frame with the first and last pixel of the field on its sides, and arrows to what is padding."""
    number = len(field.axes)
    rows, columns = drawn.field
    windows = shown_windows(field, unit)
    across, down = windows[-1], windows[-2] if number > 1 else None
    before, behind = _padding(across, field.axes[-1].pixels)
    above, below = _padding(down, field.axes[-2].pixels) if number > 1 else (0, 0)
    height = (drawn.rows.cells + 1) // 2
    labels = _labels(rows, inside(down, field.axes[-2].pixels)) if number > 1 and columns else {}
    middle = (rows.start + rows.stop - 1) // 4 if rows else 0
    width = drawn.columns.cells
    lines: list[Line] = []
    ruler = _ruler(columns, inside(across, field.axes[-1].pixels), width) if rows else " " * width
    lines.append([(" " * (gutter + 1) + ruler, MUTED)])
    lines.append(_border("┌┐", gutter, columns, width, f"▲ {above}" if above and columns else ""))
    for line in range(height):
        label = labels.get(line, "")
        left = "◀" if before and line == middle else "│"
        right = f"▶ {behind}" if behind and line == middle else "│"
        if before and line == middle and not label:
            label = str(before)
        lines.append([(f"{label:>{gutter}}", MUTED), (left, FRAME), *_characters(drawn, line), (right, FRAME)])
    lines.append(_border("└┘", gutter, columns, width, f"▼ {below}" if below and columns else ""))
    return lines


def _padding(window: Interval | None, pixels: int) -> tuple[int, int]:
    """Pixels that are padding before and behind the image."""
    return (max(0, -window[0]), max(0, window[1] - pixels + 1)) if window else (0, 0)


def _labels(rows: range, seen: Interval | None) -> dict[int, str]:
    return {} if seen is None or not rows else {(rows.stop - 1) // 2: str(seen[1]), rows.start // 2: str(seen[0])}


def _ruler(columns: range, seen: Interval | None, width: int) -> str:
    """The numbers of the first and the last column over their places, as far as they do not run into each other."""
    if seen is None or not columns:
        return " " * width
    first, last = map(str, seen)
    if len(columns) < len(first) + len(last) + 1:
        both = f"{first}…{last}" if first != last else first
        return (" " * max(0, min(columns.start, width - len(both))) + both).ljust(width)
    gap = len(columns) - len(first) - len(last)
    return " " * columns.start + first + " " * gap + last


def _border(corners: str, gutter: int, columns: range, width: int, arrow: str) -> Line:
    line = "─" * width
    if arrow:
        at = max(0, min((columns.start + columns.stop - len(arrow)) // 2, width - len(arrow)))
        line = line[:at] + arrow + line[at + len(arrow) :]
    return [(" " * gutter + corners[0] + line[: max(width, len(arrow))] + corners[1], FRAME)]


def _characters(drawn: Picture, line: int) -> Line:
    """A line of the picture, runs of one kind together."""
    cells = []
    for column in range(drawn.columns.cells):
        upper = drawn.mark(2 * line, column)
        lower = drawn.mark(2 * line + 1, column) if 2 * line + 1 < drawn.rows.cells else _under(upper)
        centre = drawn.centre is not None and (drawn.centre[0] // 2, drawn.centre[1]) == (line, column)
        cells.append((MIDDLE, CENTRE) if centre else (BLOCKS[upper, lower], _style(upper, lower)))
    return [("".join(text for text, _ in run), style) for style, run in groupby(cells, key=lambda one: one[1])]


def _under(upper: Mark) -> Mark:
    return Mark.WHOLE if upper is Mark.WHOLE else Mark.REST


def _style(upper: Mark, lower: Mark) -> str:
    if Mark.FIELD in (upper, lower):
        return FILLED if upper is lower else SEEN
    return MIXED if Mark.WHOLE in (upper, lower) else IMAGE

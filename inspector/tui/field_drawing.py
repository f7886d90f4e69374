"""A receptive field as characters: the input in a frame, what the chosen unit sees of it, and the numbers beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.field_axes import Interval, Units, inside, seen_by, window_of
from inspector.core.field_picture import Mark, Picture, picture
from inspector.core.table import ReceptiveField
from inspector.tui.page import LABELLED, MUTED, WARNING, Part

Line = list[Part]

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
"""A character by its upper and its lower cell; they differ without colours too."""
MIDDLE = "┼"
BESIDE = 34
"""Cells that the numbers need beside the picture."""
AROUND, RIGHT = 3, 8
"""Lines above and below the picture, and cells to its right: its frame and the numbers there."""
LABEL = 9


@dataclass(frozen=True)
class Drawing:
    """Lines for the panel, and where in them the picture is."""

    lines: list[Line]
    picture: Picture | None = None
    left: int = 0
    top: int = 0

    def pixel_at(self, x: int, y: int) -> tuple[int, int] | None:
        """The input's row and column of pixels at a character; None outside the picture."""
        if self.picture is None:
            return None
        row, column = 2 * (y - self.top), x - self.left
        if row not in range(self.picture.rows.cells) or column not in range(self.picture.columns.cells):
            return None
        return self.picture.rows.pixels_of(row)[0], self.picture.columns.pixels_of(column)[0]


def draw(field: ReceptiveField, place: Sequence[int], heading: Line, hint: str, width: int, height: int) -> Drawing:
    """The unit at `place` and what it sees, in so many cells; beside each other or one below the other."""
    units = Units(field)
    unit = units.at(place)
    facts = _facts(field, units, place, unit)
    above = [heading, *_wrapped(facts, width)]
    gutter = _gutter(field)
    sides = gutter + RIGHT
    stacked = (2 * (height - len(above) - AROUND - 2), width - sides)
    side = (2 * (height - AROUND), width - sides - BESIDE)
    if _cells(field, unit, side) > _cells(field, unit, stacked):
        drawn = picture(field, unit, side)
        used = sides + drawn.columns.cells
        text = [heading, *_wrapped([*facts, ("", ""), (_scale(drawn), MUTED), (hint, MUTED)], width - used)]
        lines = _beside(_framed(drawn, field, unit, gutter), text, used)
        return Drawing(lines, drawn, gutter + 1, 2)
    if min(stacked) < 1:
        return Drawing([*above, *_wrapped([(hint, MUTED)], width)])
    drawn = picture(field, unit, stacked)
    below = _wrapped([(_scale(drawn), MUTED), (hint, MUTED)], width)
    return Drawing([*above, *_framed(drawn, field, unit, gutter), *below], drawn, gutter + 1, len(above) + 2)


def _cells(field: ReceptiveField, unit: list[int], room: tuple[int, int]) -> int:
    if min(room) < 1:
        return 0
    drawn = picture(field, unit, room)
    return drawn.rows.cells * drawn.columns.cells


def axis_names(number: int) -> Sequence[str]:
    """The axes of a sequence, an image, a volume."""
    return {1: ("positions",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}.get(
        number, [f"axis {axis}" for axis in range(number)]
    )


def _facts(field: ReceptiveField, units: Units, place: Sequence[int], unit: Sequence[int]) -> list[tuple[str, str]]:
    """Sentences with their styles; those with a label have it before a tab."""
    facts = []
    at = ", ".join(map(str, place))
    if max(units.counts) == 1:
        facts.append(("unit\tthe output has no axis along the input", ""))
    elif len(place) == 1:
        facts.append((f"unit\t{at} of {units.counts[0]}", ""))
    else:
        facts.append((f"unit\t({at}) of {wording.shape(units.counts)}", ""))
    if field.status == "whole_input":
        via = f", since {wording.printable(field.via)} mixes all of it" if field.via else ""
        facts.append((f"sees\tthe whole input{via}", WARNING))
        if not any(axis.first for axis in field.axes):
            return facts
        facts.append(("window\tits windows alone see:", ""))
    windows = [(window_of if field.status == "whole_input" else seen_by)(field, a, u) for a, u in enumerate(unit)]
    if any(window is None for window in windows):
        return [*facts, ("sees\tno pixel of the input", WARNING)]
    for axis, name in enumerate(axis_names(len(unit))):
        facts.append((f"{name}\t{_interval(windows[axis], field, axis)}", ""))
    facts.append((f"size\t{_sizes(field, windows)}", ""))
    if field.status == "whole_input":
        return facts
    stride, start = (
        "×".join(map(wording.step, numbers[:1] if len(set(numbers)) == 1 else numbers))
        for numbers in (field.stride, field.start)
    )
    facts.append((f"stride\t{stride}, starts at {start}", ""))
    return facts


def _interval(window: Interval | None, field: ReceptiveField, axis: int) -> str:
    if window is None:
        return "none"
    along = field.axes[axis]
    if along.whole:
        return f"0 … {along.pixels - 1}, all: {wording.printable(field.via or 'an operation')} mixes them"
    bound = "" if along.exact else "at most "
    text = f"{bound}{wording.step(window[0])} … {wording.step(window[1])}"
    real = inside(window, along.pixels)
    if real is None:
        return f"{text}, all of it padding"
    return text if real == window else f"{text}  ({real[0]} … {real[1]} in the image)"


def _sizes(field: ReceptiveField, windows: Sequence[Interval | None]) -> str:
    sizes = [window[1] - window[0] + 1 for window in windows if window]
    real = [inside(window, axis.pixels) for window, axis in zip(windows, field.axes, strict=True)]
    text = wording.shape(sizes)
    if all(real):
        within = [one[1] - one[0] + 1 for one in real if one]
        text += f", {wording.shape(within)} in the image" if within != sizes else ""
    if field.status != "whole_input" and list(field.size) != sizes:
        text += f"; {'≤' if field.status == 'upper_bound' else 'at most'} {wording.shape(field.size)} in any unit"
    return text


def _scale(drawn: Picture) -> str:
    rows, columns = drawn.rows, drawn.columns
    if rows.pixels == 1:
        each = columns.pixels / columns.cells
        text = f"a character is {each:.3g} positions" if each > 1 else ""
    elif rows.cells < rows.pixels or columns.cells < columns.pixels:
        text = f"a character is {2 * rows.pixels / rows.cells:.3g}×{columns.pixels / columns.cells:.3g} pixels"
    else:
        text = ""
    return text


def _wrapped(texts: Sequence[tuple[str, str]], width: int) -> list[Line]:
    lines: list[Line] = []
    for text, style in texts:
        label, tab, rest = text.rpartition("\t")
        room = width - (LABEL if tab else 0)
        for number, piece in enumerate(textwrap.wrap(rest, max(8, room)) or [""]):
            head: Line = [(f"{'' if number else label:<{LABEL}}", LABELLED)] if tab else []
            lines.append([*head, (piece, style)])
    return lines


def _gutter(field: ReceptiveField) -> int:
    return 1 if len(field.axes) == 1 else len(str(field.axes[-2].pixels)) + 1


def _framed(drawn: Picture, field: ReceptiveField, unit: Sequence[int], gutter: int) -> list[Line]:
    """The picture in a frame with the first and last pixel of the field on its sides, and arrows to what is padding."""
    number = len(field.axes)
    rows, columns = drawn.field
    windows = [(window_of if drawn.everything else seen_by)(field, axis, unit[axis]) for axis in range(number)]
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


def _beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    lines = []
    for number in range(max(len(left), len(right))):
        line = list(left[number]) if number < len(left) else []
        used = sum(cell_len(part if isinstance(part, str) else part[0]) for part in line)
        lines.append([*line, " " * max(1, width - used), *(right[number] if number < len(right) else [])])
    return lines

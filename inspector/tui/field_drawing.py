"""The panel of a receptive field, laid out: the input with what a unit sees of it, the numbers, the output's units."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from inspector.core import wording
from inspector.core.field_axes import Units
from inspector.core.field_picture import Picture, grid, picture
from inspector.core.table import ReceptiveField
from inspector.tui.field_facts import Fact, facts_of, scale_of
from inspector.tui.field_frame import ABOVE, AROUND, RIGHT, framed, framed_grid, gutter_of
from inspector.tui.lines import Line, beside
from inspector.tui.page import LABELLED, MUTED

BESIDE = 34
"""Cells that the numbers need beside the picture."""
LABEL = 11
LEAST_GRID, LARGEST_GRID = 3, 12
"""Lines of the output's units."""


@dataclass(frozen=True)
class Placed:
    """A picture and the character at which it begins."""

    picture: Picture
    left: int
    top: int

    def at(self, x: int, y: int) -> tuple[int, int] | None:
        """Row and column, in pixels of the input or units of the output, at a character; None outside."""
        row, column = 2 * (y - self.top), x - self.left
        if row not in range(self.picture.rows.cells) or column not in range(self.picture.columns.cells):
            return None
        return self.picture.rows.pixels_of(row)[0], self.picture.columns.pixels_of(column)[0]


@dataclass(frozen=True)
class Drawing:
    """Lines for the panel, and where in them the pictures are."""

    lines: list[Line]
    input: Placed | None = None
    output: Placed | None = None


def draw(field: ReceptiveField, place: list[int], heading: str, hint: str, width: int, height: int) -> Drawing:
    """The unit at `place` and what it sees, in so many cells; numbers beside the picture or above it."""
    units = Units(field)
    unit = units.at(place)
    facts = facts_of(field, units, place, unit)
    above = _texts(heading, facts, width)
    gutter = gutter_of(field)
    sides = gutter + RIGHT
    stacked = (2 * (height - len(above) - AROUND - 2), width - sides)
    side = (2 * (height - AROUND), width - sides - BESIDE)
    if _cells(field, unit, side) > _cells(field, unit, stacked):
        drawn = picture(field, unit, side)
        used = sides + drawn.columns.cells
        text = [*_texts(heading, facts, width - used), *_under(drawn, hint, width - used)]
        lines, output = _with_units(text, units, place, width - used, height, used)
        return Drawing(
            beside(framed(drawn, field, unit, gutter), lines, used), Placed(drawn, gutter + 1, ABOVE), output
        )
    if min(stacked) < 1:
        return Drawing([*above, *_wrapped([(hint, MUTED)], width)])
    drawn = picture(field, unit, stacked)
    text = [*above, *framed(drawn, field, unit, gutter), *_under(drawn, hint, width)]
    lines, output = _with_units(text, units, place, width, height, 0)
    return Drawing(lines, Placed(drawn, gutter + 1, len(above) + ABOVE), output)


def _texts(heading: str, facts: Sequence[Fact], width: int) -> list[Line]:
    lines: list[Line] = [[(line, "bold")] for line in textwrap.wrap(heading, max(8, width))]
    return lines + _wrapped(facts, width)


def _under(drawn: Picture, hint: str, width: int) -> list[Line]:
    return _wrapped([(text, MUTED) for text in (scale_of(drawn), hint) if text], width)


def _with_units(
    text: list[Line], units: Units, place: list[int], width: int, height: int, left: int
) -> tuple[list[Line], Placed | None]:
    """The text, and below it the output's units where there is room for them."""
    room = height - len(text) - 4
    if room < LEAST_GRID or max(units.counts) == 1:
        return text, None
    drawn = grid(units.counts, place, (2 * min(room, LARGEST_GRID), min(width - 2, 4 * LARGEST_GRID)))
    caption: Line = [(f"output {wording.shape(units.counts)}", MUTED)]
    return [*text, [], caption, *framed_grid(drawn)], Placed(drawn, left + 1, len(text) + 3)


def _cells(field: ReceptiveField, unit: list[int], room: tuple[int, int]) -> int:
    if min(room) < 1:
        return 0
    drawn = picture(field, unit, room)
    return drawn.rows.cells * drawn.columns.cells


def _wrapped(texts: Sequence[Fact], width: int) -> list[Line]:
    lines: list[Line] = []
    for text, style in texts:
        label, tab, rest = text.rpartition("\t")
        room = width - (LABEL if tab else 0)
        for number, piece in enumerate(textwrap.wrap(rest, max(8, room)) or [""]):
            head: Line = [(f"{'' if number else label:<{LABEL}}", LABELLED)] if tab else []
            lines.append([*head, (piece, style)])
    return lines

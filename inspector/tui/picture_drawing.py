"""A picture of values as lines: planes of coloured dots under their indices, and what they mean."""

from __future__ import annotations

from itertools import groupby

from inspector.core.value_pictures import ValuePicture
from inspector.core.wording import number, shape, things
from inspector.tui.lines import Line, beside, width_of, wrapped
from inspector.tui.page import ERROR, MUTED, WARNING
from inspector.tui.picture_colours import (
    ABOVE,
    BELOW,
    LEVELS,
    NEGATIVE,
    NOT_FINITE,
    POSITIVE,
    Colours,
    Mark,
    Scale,
    Value,
    characters,
    half_blocks,
)
from inspector.tui.picture_layout import BESIDE, Layout

GAP = ""
"""What lies between planes."""


def draw_picture(
    picture: ValuePicture, layout: Layout, key: str, sizes: str, hint: str, colours: Colours | None, width: int
) -> list[Line]:
    """Everything that the panel shows, in characters alone where there are no colours.

    `key` and `sizes` name the tensor.
    """
    scale = Scale(max(abs(picture.low or 0.0), abs(picture.high or 0.0)))
    planes = _framed(_dots(picture, layout), layout, scale, colours)
    room = BESIDE - 1 if layout.beside else width
    above = [*_title(key, sizes, room), *wrapped(_named(layout), MUTED, room)]
    below = _legend(picture, scale, colours, room)
    for text, style in _facts(picture, layout):
        below += wrapped(text, style, room)
    below += wrapped(hint, MUTED, room)
    if not layout.beside:
        return [*above, *planes, *below]
    return beside(planes, [*above, *below], width - BESIDE + 1)


def _title(key: str, sizes: str, room: int) -> list[Line]:
    together: Line = [(key, "bold"), f"  {sizes}"]
    return [together] if width_of(together) <= room else [*wrapped(key, "bold", room), [sizes]]


def _dots(picture: ValuePicture, layout: Layout) -> list[list[Value | str]]:
    """Rows of values and gaps, one for each dot."""
    high, wide = layout.area
    dots: list[list[Value | str]] = [[GAP] * wide for _ in range(high)]
    (tall, broad), (down, across) = layout.scale, layout.pitch
    for number_down, planes in enumerate(picture.cells):
        for number_across, cells in enumerate(planes):
            for row, values in enumerate(cells):
                line = [value for value in values for _ in range(broad)]
                left = number_across * across
                for y in range(number_down * down + row * tall, number_down * down + (row + 1) * tall):
                    dots[y][left : left + len(line)] = line
    return dots


def _framed(dots: list[list[Value | str]], layout: Layout, scale: Scale, colours: Colours | None) -> list[Line]:
    """The picture with the indices of its rows and columns."""
    gutter, sides = layout.gutter, layout.sides()
    lines: list[Line] = [[(" " * gutter + layout.heads(), MUTED)]]
    step = layout.dots.in_line
    for number_of, top in enumerate(range(0, len(dots), step)):
        marks: list[Mark]
        if colours is None:
            marks = [characters(value, scale) for value in dots[top]]
        else:
            under = dots[top + 1] if top + 1 < len(dots) else [GAP] * len(dots[top])
            marks = [half_blocks(*pair, scale, colours) for pair in zip(dots[top], under, strict=True)]
        runs = [("".join(text for text, _ in run), style) for style, run in groupby(marks, key=lambda mark: mark[1])]
        label = f"{sides.get(number_of, ''):>{gutter - 1}} " if gutter else ""
        lines.append([(label, MUTED), *runs])
    return lines


def _named(layout: Layout) -> str:
    """Which part of the tensor it is."""
    planes = layout.planes
    at = [str(one) for one in planes.index(*layout.first)]
    if layout.kind == "heat map":
        at[planes.columns] = "column"
        if planes.rows is not None:
            at[planes.rows] = "row"
        more = f", plane {layout.first[0] + 1} of {planes.counts[0]}" if planes.counts[0] > 1 else ""
        return f"heat map of [{', '.join(at)}]{more}"
    return f"kernels ↓ {_along(layout, 0)}  → {_along(layout, 1)}"


def _along(layout: Layout, way: int) -> str:
    """The indices shown of the planes down or across."""
    texts = [text for _, text in layout.labels(way)]
    ends = texts[0] if len(texts) == 1 else f"{texts[0]} … {texts[-1]}"
    count = layout.planes.counts[way]
    return ends if len(texts) == count else f"{ends} of {count}"


def _legend(picture: ValuePicture, scale: Scale, colours: Colours | None, room: int) -> list[Line]:
    """The scale with its ends, and how far the values go."""
    bar: Line
    if colours is None:
        bar = [(BELOW[:0:-1], NEGATIVE), (" 0 ", MUTED), (ABOVE[1:], POSITIVE)]
    else:
        bar = [("█", colours.at(level)) for level in range(-LEVELS, LEVELS + 1, 2)]
    line: Line = [(f"{number(-scale.most)} ", MUTED), *bar, (f" {number(scale.most)}", MUTED)]
    values = f"values {number(picture.low)} … {number(picture.high)}"
    together: Line = [*line, f"  {values}"]
    return [together] if width_of(together) <= room else [line, [values]]


def _facts(picture: ValuePicture, layout: Layout) -> list[tuple[str, str]]:
    facts = []
    cells = [value for row in picture.cells for plane in row for line in plane for value in line]
    broken = sum(value is None for value in cells)
    if broken:
        facts.append((f"{NOT_FINITE} NaN or Inf in {things(broken, 'cell')}", ERROR))
    if layout.block != (1, 1):
        facts.append((f"1 cell: of {shape(layout.block)} elements that furthest from 0", MUTED))
    if picture.step != (1, 1):
        facts.append((f"sampled: {_sampled(picture.step)}", WARNING))
    return facts


def _sampled(step: tuple[int, int]) -> str:
    named = zip(step, ("row", "column"), strict=True)
    return " and ".join(f"1 {what} in {every}" for every, what in named if every > 1)

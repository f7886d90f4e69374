"""Lines of styled text for a panel that draws: cut to its width, side by side, as Textual shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.content import Content

from inspector.tui.cells import fit
from inspector.tui.page import Part

Line = list[Part]


def content_of(lines: Iterable[Line], width: int) -> Content:
    """The lines, each cut to `width` cells; nothing in them is read as markup."""
    parts: list[tuple[str, str]] = []
    for line in lines:
        left = width
        for part in line:
            text, style = part if isinstance(part, tuple) else (part, "")
            parts.append((fit(text, left), style))
            left -= cell_len(parts[-1][0])
        parts.append(("\n", ""))
    return Content.assemble(*parts)


def width_of(line: Line) -> int:
    """Cells that a line takes."""
    return sum(cell_len(part if isinstance(part, str) else part[0]) for part in line)


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Lines to the right of others that have `width` cells."""
    lines = []
    for number in range(max(len(left), len(right))):
        line = list(left[number]) if number < len(left) else []
        space = " " * max(1, width - width_of(line))
        lines.append([*line, space, *(right[number] if number < len(right) else [])])
    return lines


def wrapped(text: str, style: str, width: int) -> list[Line]:
    """A text in lines of at most `width` cells."""
    return [[(piece, style)] for piece in textwrap.wrap(text, max(8, width))]

"""A slice of a tensor as a table of numbers under their indices: as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from inspector.core.results import ValuesReport
from inspector.core.tensor_index import parse_index
from inspector.core.wording import number
from inspector.tui.page import MUTED, Page, Part

GAP = 1
MORE = " …"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Which elements of a tensor a `ValuesReport` shows."""

    first: list[int]
    """The index of its first value in the whole tensor."""
    rows: range | None
    """Indices on the last axis but one of the slice; None where it has fewer than two."""
    columns: range | None
    """Indices on the slice's last axis; None for a single element."""
    axes: str
    """The index with the axes that the table spreads out by name: ``[0, 0, row, column]``."""


def shown(report: ValuesReport, sizes: list[int]) -> Shown:
    """Where the values of a report lie in a tensor of these sizes."""
    parts = parse_index(report.index, sizes, report.key)
    spread = [axis for axis, part in enumerate(parts) if isinstance(part, slice)]
    first = [part.start if isinstance(part, slice) else part for part in parts]
    named = dict(zip(spread[:-3:-1], ("column", "row"), strict=False))
    ranges = [range(part.start, part.stop, part.step) for part in parts if isinstance(part, slice)]
    return Shown(
        first=first,
        rows=ranges[-2] if len(ranges) > 1 else None,
        columns=ranges[-1] if ranges else None,
        axes=f"[{', '.join(named.get(axis, str(at)) for axis, at in enumerate(first))}]" if first else "",
    )


def value_grid(page: Page, report: ValuesReport, sizes: list[int]) -> None:
    """The leading values of a tensor's slice as a table with their indices."""
    at = shown(report, sizes)
    page.heading("Values", at.axes)
    cells = [[number(value) for value in row] for row in report.rows]
    page.fitted(lambda width: _table(cells, at, width))


def _table(cells: Sequence[Sequence[str]], at: Shown, width: int) -> list[list[Part]]:
    sides = [str(index) for index in at.rows[: len(cells)]] if at.rows else [""] * len(cells)
    heads = [str(index) for index in at.columns[: len(cells[0])]] if at.columns else [""] * len(cells[0])
    side = max(map(len, sides))
    columns = [max(map(len, column)) + GAP for column in zip(heads, *cells, strict=True)]
    total = len(at.columns) if at.columns else 1
    fitting = _fitting(columns, total, width - side)
    more = MORE if fitting < total else ""
    lines: list[list[Part]] = []
    cut = [
        f"{what} {axis[0]} … {axis[count - 1]} of {len(axis)}"
        for what, axis, count in (("columns", at.columns, fitting), ("rows", at.rows, len(cells)))
        if axis and count < len(axis)
    ]
    if cut:
        lines.append([(f"{', '.join(cut)}; 4 goes to the index", MUTED)])
    if at.columns:
        lines.append([(" " * side + _aligned(heads, columns[:fitting]) + more, MUTED)])
    for label, texts in zip(sides, cells, strict=True):
        lines.append([(f"{label:>{side}}", MUTED), _aligned(texts, columns[:fitting]), (more, MUTED)])
    return lines


def _fitting(columns: Sequence[int], total: int, room: int) -> int:
    """How many of the columns fit, the mark for missing ones counted; all of them where there is no width."""
    if room <= 0 or (len(columns) == total and sum(columns) <= room):
        return len(columns)
    ends = accumulate(columns)
    return max(1, sum(end + len(MORE) <= room for end in ends))


def _aligned(texts: Sequence[str], columns: Sequence[int]) -> str:
    return "".join(f"{text:>{column}}" for text, column in zip(texts, columns, strict=False))

"""The gradient flow drawn over depth, and the gradients of one row's own parameters."""

import math
from collections.abc import Collection, Sequence
from itertools import pairwise

from inspector.core.drawn_bars import EIGHTHS
from inspector.core.gradient_flow import FlowMark, FlowPoint, LogScale, gradient_flow, scale_of, sum_text
from inspector.core.results import ForwardReport
from inspector.core.wording import number
from inspector.tui.page import CODE, ERROR, MUTED, WARNING, Fitted, Page, Part
from inspector.tui.view import View

HEIGHT = 6
WIDEST = 3
"""Cells of a bar where there are few."""
LABEL = 6
"""Cells of ``1e-12``."""
WITHOUT_LIMIT = 100
OWN = ("▲", CODE)
"""The same below the parameters of the row, where nothing is wrong with them."""
MARKS: dict[FlowMark, tuple[str, str]] = {
    "not finite": ("!", ERROR),
    "zero gradient": ("0", WARNING),
    "no gradient": ("∅", WARNING),
    "zero weight": ("w", MUTED),
}
"""What stands below a bar, the worst first."""


def gradient_flow_part(page: Page, view: View, report: ForwardReport) -> None:
    """The plot; the bars of the row's own parameters stand out."""
    points = gradient_flow(report)
    if not points:
        return
    page.heading("Gradient flow", "rms(g)/rms(w), first to last executed, logarithmic")
    own = {tensor.key for tensor in view.own_tensors}
    page.fitted(flow_lines(points, own))
    ratios = [(point.ratio, point.key) for point in points if point.ratio is not None]
    if ratios:
        (low, lowest), (high, highest) = min(ratios), max(ratios)
        page.fact("smallest", f"{number(low)} in {view.spell(lowest)}")
        page.fact("largest", f"{number(high)} in {view.spell(highest)}")
    if any(point.key in own and not point.mark for point in points):
        page.line((f"{OWN[0]} ", CODE), ("this row's", CODE))
    for mark, (sign, style) in MARKS.items():
        number_of = sum(point.mark == mark for point in points)
        if number_of:
            page.line((f"{sign} ", style), (f"{mark}: {number_of:,}", style))


def own_gradients(page: Page, view: View, report: ForwardReport) -> None:
    """The gradient of each of the row's own parameters, beside the parameter; of a tied one what each use adds."""
    own = {tensor.key for tensor in view.own_tensors} if view.row.kind != "function" else set()
    found = [one for one in report.gradients if one.key in own]
    if not found:
        return
    page.heading("Gradients")
    for one in found:
        page.line((view.spell(one.key), CODE))
        if one.gradient is None:
            page.line(f"  {one.gradient_note}", hang=2)
            continue
        told = [("rms(g)", one.gradient_rms), ("rms(w)", one.weight_rms), ("rms(g)/rms(w)", one.gradient_ratio)]
        page.line("  " + ", ".join(f"{name} {number(value)}" for name, value in told if value is not None), hang=2)
        if one.gradient.nan or one.gradient.inf:
            page.line((f"  {one.gradient.nan:,} NaN, {one.gradient.inf:,} Inf", ERROR))
        if one.sum_note is not None:
            page.line((f"  {sum_text(one)}", MUTED), hang=2)


def flow_lines(points: Sequence[FlowPoint], here: Collection[str]) -> Fitted:
    """Bars from the first to the last parameter, as many a column as there is no room for; marks below."""
    scale = scale_of(points)

    def lines(width: int) -> Sequence[Sequence[Part]]:
        room = max(1, (width or WITHOUT_LIMIT) - LABEL)
        cells = max(1, min(WIDEST, room // len(points)))
        columns = _columns(points, min(len(points), room))
        styles = [CODE if any(point.key in here for point in column) else "$text-primary" for column in columns]
        drawn = _bars(columns, scale, cells, styles) if scale is not None else []
        marks = [_mark(column, here) for column in columns]
        if any(sign for sign, _ in marks):
            drawn.append([(f"{'':<{LABEL}}", ""), *((f"{sign or ' ':<{cells}}", style) for sign, style in marks)])
        return drawn

    return lines


def _columns(points: Sequence[FlowPoint], count: int) -> list[Sequence[FlowPoint]]:
    edges = [len(points) * at // count for at in range(count + 1)]
    return [points[low:high] for low, high in pairwise(edges)]


def _bars(
    columns: Sequence[Sequence[FlowPoint]], scale: LogScale, cells: int, styles: Sequence[str]
) -> list[Sequence[Part]]:
    levels = [_level(column, scale) for column in columns]
    solid = max(1, cells - 1) if cells > 1 else 1
    lines: list[Sequence[Part]] = []
    for line in range(HEIGHT - 1, -1, -1):
        label = f"1e{scale.high}" if line == HEIGHT - 1 else f"1e{scale.low}" if not line else ""
        bars = [EIGHTHS[max(0, min(8, level - 8 * line))] * solid for level in levels]
        lines.append(
            [(f"{label:>{LABEL - 1}} ", MUTED), *((f"{bar:<{cells}}", s) for bar, s in zip(bars, styles, strict=True))]
        )
    return lines


def _level(column: Sequence[FlowPoint], scale: LogScale) -> int:
    """Eighths of a cell for the geometric mean of a column's ratios; what is there is seen."""
    logarithms = [math.log10(point.ratio) for point in column if point.ratio]
    if not logarithms:
        return 0
    mean = sum(logarithms) / len(logarithms)
    return max(1, round(scale.share(10**mean) * HEIGHT * 8))


def _mark(column: Sequence[FlowPoint], here: Collection[str]) -> tuple[str, str]:
    marks = {point.mark for point in column}
    own = OWN if any(point.key in here for point in column) else ("", "")
    return next((shown for mark, shown in MARKS.items() if mark in marks), own)

"""How large the outputs of a pass are from first to last: a curve that falls or climbs is a signal that drifts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from inspector.core.results import ForwardReport
from inspector.core.wording import number
from inspector.tui.page import MUTED, Fitted, Page, Part

HEIGHT = 9
WIDEST, NARROWEST = 72, 24
"""Cells; plotext draws nothing wider than the terminal, which it takes for one of 80 cells where there is none."""
LEAST = 3
"""Outputs that make a curve."""
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_AXIS = re.compile(r"^[^│┤└┬─]*[│┤└┬─]")


def depth_part(page: Page, report: ForwardReport) -> None:
    """The curve of the standard deviations, and where they are smallest and largest."""
    found = [
        (run.statistics.std, row.path or row.type)
        for row, run in zip(report.table.rows, report.runs, strict=False)
        if row.subtree == 1 and run is not None and run.statistics is not None and run.statistics.std
    ]
    if len(found) < LEAST:
        return
    page.heading("Signal over depth", "std of the outputs, first to last, logarithmic")
    page.fitted(_curve([std for std, _ in found]))
    (low, lowest), (high, highest) = min(found), max(found)
    page.fact("smallest", f"{number(low)} in {lowest}")
    page.fact("largest", f"{number(high)} in {highest}")


def _curve(values: Sequence[float]) -> Fitted:
    """Positive values over their numbers, on a logarithmic scale with whole powers of ten."""

    def lines(width: int) -> Sequence[Sequence[Part]]:
        from textual_plotext.plot import Plot

        logarithms = [math.log10(value) for value in values]
        low, high = math.floor(min(logarithms)), math.ceil(max(logarithms))
        high += low == high
        step = max(1, (high - low) // 3)
        powers: list[float] = [*range(low, high + 1, step)]
        plot = Plot()
        plot.plotsize(max(NARROWEST, min(WIDEST, width or WIDEST)), HEIGHT)
        plot.theme("clear")
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        plot.ylim(low, high)
        plot.yticks(powers, [f"1e{power:g}" for power in powers])
        last = len(values)
        plot.xticks([1, (1 + last) / 2, last], ["1", "output", str(last)])
        plot.plot(range(1, last + 1), logarithms, marker="braille")
        return [_styled(line) for line in _ESCAPES.sub("", plot.build()).splitlines()]

    return lines


def _styled(line: str) -> Sequence[Part]:
    axis = _AXIS.match(line)
    if axis is None or line[axis.end() - 1] == "└":
        return [(line.rstrip(), MUTED)]
    return [(axis[0], MUTED), (line[axis.end() :].rstrip(), "$text-primary")]

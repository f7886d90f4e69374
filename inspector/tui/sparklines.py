"""The distribution of a row's output in a few cells of the tree: ``▁▂▇▃▁``."""

from collections.abc import Sequence
from itertools import pairwise

from inspector.core.results import ForwardReport, Statistics
from inspector.core.table import Row
from inspector.tui.cells import Cell
from inspector.tui.plots import bars
from inspector.tui.run_of_row import run_in

CELLS = 8
WIDE = 160
"""Cells of a terminal from which on there is room for them unasked."""


def sparkline_cell(report: ForwardReport | None, row: Row, is_old: bool) -> Cell:
    """The row's histogram from its smallest to its largest value; red and with a ``!`` where some are not finite."""
    run = run_in(report, row)
    if run is None or run.statistics is None:
        return []
    bad = bool(run.statistics.nan or run.statistics.inf)
    drawn = sparkline(run.statistics)
    if bad and len(drawn) == CELLS:
        drawn = drawn[:-1] + "!"
    return [(drawn, "error" if bad else "muted" if is_old else "number")]


def sparkline(of: Statistics) -> str:
    """The histogram in `CELLS` cells; the faults where no value is finite, "" where there is no histogram."""
    if of.histogram is not None and any(of.histogram.counts):
        return bars(_gathered(_occupied(of.histogram.counts)), 1)[0]
    return "NaN" if of.nan else "Inf" if of.inf else ""


def _occupied(counts: Sequence[int]) -> Sequence[int]:
    """Without empty bins at both ends, as far as `CELLS` are left: a single value stays a peak in the middle."""
    filled = [at for at, count in enumerate(counts) if count]
    first, last = filled[0], filled[-1] + 1
    lacking = max(0, CELLS - (last - first))
    first = max(0, first - lacking // 2)
    return counts[first : max(last, first + CELLS)]


def _gathered(counts: Sequence[int]) -> list[int]:
    """In `CELLS` sums; of fewer bins each stands in several cells."""
    starts = [len(counts) * cell // CELLS for cell in range(CELLS + 1)]
    return [sum(counts[low : max(low + 1, high)]) for low, high in pairwise(starts)]

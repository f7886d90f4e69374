"""Histograms and statistics as characters."""

from collections.abc import Sequence

from inspector.core.results import Histogram, Statistics
from inspector.core.wording import number, percent
from inspector.tui.page import ERROR, MUTED, WARNING, Page

EIGHTHS = " ▁▂▃▄▅▆▇█"
LYING_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def bars(counts: Sequence[int], height: int) -> list[str]:
    """A bar for each count, `height` lines high, from the top line down; the largest fills the height."""
    most = max(counts, default=0) or 1
    # A count that is not zero is at least one eighth, so that outliers stay visible.
    filled = [max(1, round(count / most * height * 8)) if count else 0 for count in counts]
    return [
        "".join(EIGHTHS[max(0, min(8, level - 8 * line))] for level in filled) for line in range(height - 1, -1, -1)
    ]


def share_bar(share: float, width: int) -> str:
    """A bar as long as a share of `width` cells, in eighths; a share that is not zero is seen."""
    eighths = min(8 * max(0, width), max(1, round(share * width * 8))) if share else 0
    return "█" * (eighths // 8) + LYING_EIGHTHS[eighths % 8]


def histogram(page: Page, histogram: Histogram, height: int = 4) -> None:
    """A histogram with its ends and its largest count."""
    for text in bars(histogram.counts, height):
        page.line((text, "$text-primary"))
    low, high = number(histogram.edges[0]), number(histogram.edges[-1])
    room = len(histogram.counts) - len(low) - len(high)
    page.line((f"{low}{' ' * max(1, room)}{high}", MUTED))
    if histogram.sample is not None:
        page.line((f"of {histogram.sample:,} elements, evenly spread", MUTED))


def statistics(page: Page, of: Statistics) -> None:
    """Mean, deviation, range, zeros, and what is not finite."""
    page.fact("mean ± std", f"{number(of.mean)} ± {number(of.std)}")
    page.fact("range", f"{number(of.min)} … {number(of.max)}")
    page.fact("zeros", percent(of.zeros))
    if of.dead_units:
        page.fact("dead units", f"{percent(of.dead_units)} of the channels are zero everywhere", WARNING)
    if of.nan or of.inf:
        page.fact("not finite", f"{of.nan:,} NaN, {of.inf:,} Inf", ERROR)
    if of.histogram and sum(of.histogram.counts):
        page.line()
        histogram(page, of.histogram)

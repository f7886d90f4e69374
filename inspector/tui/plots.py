"""Histograms and statistics as characters."""

from collections.abc import Sequence

from inspector.core.drawn_bars import EIGHTHS
from inspector.core.results import ChannelExtremes, Histogram, Magnitudes, Statistics
from inspector.core.wording import count, number, percent
from inspector.tui.page import ERROR, MUTED, WARNING, Page


def bars(counts: Sequence[int], height: int) -> list[str]:
    """A bar for each count, `height` lines high, from the top line down; the largest fills the height."""
    most = max(counts, default=0) or 1
    # A count that is not zero is at least one eighth, so that outliers stay visible.
    filled = [max(1, round(count / most * height * 8)) if count else 0 for count in counts]
    return [
        "".join(EIGHTHS[max(0, min(8, level - 8 * line))] for level in filled) for line in range(height - 1, -1, -1)
    ]


def histogram(page: Page, histogram: Histogram, height: int = 4) -> None:
    """A histogram of at least two lines with its ends, its largest count and where 0 lies."""
    labels = [count(max(histogram.counts)), *[""] * (height - 2), "0"]
    gutter = len(labels[0])
    for label, text in zip(labels, bars(histogram.counts, height), strict=True):
        page.line((f"{label:>{gutter}}{'┤' if label else '│'}", MUTED), (text, "$text-primary"))
    page.line((f"{'':>{gutter}}└{_axis(histogram)}", MUTED))
    low, high = number(histogram.edges[0]), number(histogram.edges[-1])
    room = len(histogram.counts) - len(low) - len(high)
    page.line((f"{'':>{gutter}} {low}{' ' * max(1, room)}{high}", MUTED))
    if histogram.sample is not None:
        page.line((f"of {histogram.sample:,} elements, evenly spread", MUTED))


def _axis(histogram: Histogram) -> str:
    """The line below a histogram, with a mark where 0 lies within it."""
    low, high, cells = histogram.edges[0], histogram.edges[-1], len(histogram.counts)
    zero = int(cells * -low / (high - low)) if low < 0 < high else None
    return "".join("┼" if cell == zero else "─" for cell in range(cells))


def statistics(page: Page, of: Statistics) -> None:
    """Mean, deviation, range, zeros, extremes of the channels, magnitudes, and what is not finite."""
    page.fact("mean ± std", f"{number(of.mean)} ± {number(of.std)}")
    page.fact("range", f"{number(of.min)} … {number(of.max)}")
    page.fact("zeros", percent(of.zeros))
    if of.sample is not None:
        page.line((f"mean, std and zeros of {of.sample:,} elements, evenly spread", MUTED))
    if of.dead_units:
        page.fact("dead units", f"{percent(of.dead_units)} of the channels are zero everywhere", WARNING)
    if of.saturated is not None:
        page.fact("saturated", f"{percent(of.saturated)} within 1 % of a bound")
    if of.channels is not None:
        page.fact("channels", _channels(of.channels))
    if of.nan or of.inf:
        page.fact("not finite", f"{of.nan:,} NaN, {of.inf:,} Inf", ERROR)
    if of.histogram and sum(of.histogram.counts):
        page.line()
        histogram(page, of.histogram)
    if of.magnitudes is not None and any(of.magnitudes.negative + of.magnitudes.positive):
        magnitudes(page, of.magnitudes)


def magnitudes(page: Page, of: Magnitudes) -> None:
    """How many elements there are of each power of two: what float16 would lose lies below 2^-24."""
    counts = list(map(sum, zip(of.negative, of.positive, strict=True)))
    page.line()
    page.line((bars(counts, 1)[0], "$text-primary"))
    page.line((f"2^{of.first} ≤ |x| < 2^{of.first + len(counts)}", MUTED))


def _channels(of: ChannelExtremes) -> str:
    """The channels of largest and least absolute values, where one stands out."""
    most, least = of.largest[0], of.smallest[0]
    return (
        f"max |x| {number(least.value)} in {least.index[0]}, median {number(of.median)}, "
        f"{number(most.value)} in {most.index[0]}"
    )

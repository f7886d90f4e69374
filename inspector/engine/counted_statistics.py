"""Statistics of a value from its counts in one pass or in several."""

import math
from collections.abc import Iterable

import numpy

from inspector.core.results import ChannelExtremes, Extreme, Histogram, Magnitudes, Statistics
from inspector.engine.counting import Array, Counts
from inspector.engine.statistics import BINS, known

LISTED = 3
"""Channels named at either end."""


def statistics_of(parts: list[Counts], by_channel: bool) -> Statistics:
    """Of passes whose numbers are counted together; `by_channel` where axis 1 is that of channels."""
    looked, finite = sum(part.looked for part in parts), sum(part.finite for part in parts)
    elements = sum(part.elements for part in parts)
    mean, squares = _merged(parts)
    channels = min(len(part.low) for part in parts)
    low = numpy.min([part.low[:channels].astype(numpy.float64) for part in parts], axis=0)
    high = numpy.max([part.high[:channels].astype(numpy.float64) for part in parts], axis=0)
    least, most = known(low.min()), known(high.max())
    # -inf of channels without a finite element, which are not dead.
    largest = numpy.maximum(-low, high)
    sample = numpy.concatenate([part.sample for part in parts])
    near = [part.saturated for part in parts if part.saturated is not None]
    return Statistics(
        mean=known(mean),
        std=known(math.sqrt(squares / (finite - 1))) if finite > 1 and squares >= 0 else None,
        min=least,
        max=most,
        zeros=sum(part.zeros for part in parts) / looked,
        nan=sum(part.nan for part in parts),
        inf=sum(part.inf for part in parts),
        dead_units=1 - int(numpy.count_nonzero(largest)) / channels if by_channel else None,
        saturated=sum(near) / looked if near else None,
        sample=looked if looked < elements else None,
        channels=_channel_extremes(largest) if by_channel and channels > 1 else None,
        histogram=_histogram(sample, least, most, elements),
        magnitudes=_magnitudes(sample),
    )


def _merged(parts: list[Counts]) -> tuple[float, float]:
    """Mean and squared distances of all, by Chan, Golub and LeVeque (1979)."""
    number, mean, squares = 0, math.nan, 0.0
    for part in parts:
        if not part.finite:
            continue
        if not number:
            number, mean, squares = part.finite, part.mean, part.squares
            continue
        apart, both = part.mean - mean, number + part.finite
        squares += part.squares + apart * apart * number * part.finite / both
        mean += apart * part.finite / both
        number = both
    return mean, squares


def _channel_extremes(largest: Array) -> ChannelExtremes:
    order, number = numpy.argsort(largest, kind="stable"), len(largest)

    def value(at: int) -> float:
        return float(largest[order[at]])

    def listed(places: Iterable[int]) -> list[Extreme]:
        return [Extreme(index=[int(order[at])], value=value(at)) for at in places if math.isfinite(value(at))]

    return ChannelExtremes(
        number=number,
        median=known((value((number - 1) // 2) + value(number // 2)) / 2),
        largest=listed(range(number - 1, max(-1, number - 1 - LISTED), -1)),
        smallest=listed(range(min(LISTED, number))),
    )


def _histogram(sample: Array, low: float | None, high: float | None, elements: int) -> Histogram | None:
    if low is None or high is None or not sample.size:
        return None
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / BINS
    if not math.isfinite(width) or low + width <= low:
        return None
    bins = ((sample.astype(numpy.float64) - low) / width).astype(numpy.int64)
    counts = numpy.bincount(numpy.minimum(bins, BINS - 1), minlength=BINS).tolist()
    edges = [low + width * at for at in range(BINS)] + [high]
    return Histogram(edges=edges, counts=counts, sample=len(sample) if len(sample) < elements else None)


def _magnitudes(sample: Array) -> Magnitudes:
    bins = Magnitudes.MOST - Magnitudes.LEAST + 1
    # frexp's exponent is one more than that of the power of two below.
    places = numpy.frexp(sample)[1] - (1 + Magnitudes.LEAST)
    numpy.minimum(numpy.maximum(places, 0, out=places), bins - 1, out=places)
    places[sample > 0] += bins
    places[sample == 0] = 2 * bins
    counts = numpy.bincount(places, minlength=2 * bins + 1)
    negative, positive = counts[:bins], counts[bins : 2 * bins]
    filled = (negative + positive).nonzero()[0]
    first, last = (int(filled[0]), int(filled[-1])) if filled.size else (0, 0)
    return Magnitudes(
        first=Magnitudes.LEAST + first,
        negative=negative[first : last + 1].tolist(),
        positive=positive[first : last + 1].tolist(),
        zeros=int(counts[2 * bins]),
    )

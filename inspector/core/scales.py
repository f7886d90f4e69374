"""The size of a tensor's values as one number."""

import math

from inspector.core.results import Statistics


def rms(of: Statistics, elements: int) -> float | None:
    """√(mean of squares) of the finite values of a tensor of so many elements; None where there are none.

    `Statistics.std` divides by n − 1, so that the mean of squares is mean² + std²·(n − 1)/n.
    """
    finite = elements - of.nan - of.inf
    if of.mean is None or finite < 1:
        return None
    if finite == 1:
        return abs(of.mean)
    return None if of.std is None else math.hypot(of.mean, of.std * math.sqrt((finite - 1) / finite))


def absmax(of: Statistics) -> float | None:
    """The largest absolute value; NaN does not count, infinities do."""
    if of.inf:
        return math.inf
    return None if of.min is None or of.max is None else max(abs(of.min), abs(of.max))

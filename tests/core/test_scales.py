"""The size of values as one number, by the definition of each and at the ends of the range."""

import math
from statistics import fmean, stdev

import pytest

from inspector.core.results import Statistics
from inspector.core.scales import absmax, rms


def statistics(**known):
    return Statistics(**{"mean": None, "std": None, "min": None, "max": None, "zeros": None, **known})


@pytest.mark.parametrize("values", [[3.0], [-1.0, 2.0, 0.5], [1e200, 3e200], [0.0, 0.0]])
def test_the_root_of_the_mean_square_is_that_of_the_values(values):
    std = stdev(values) if len(values) > 1 else None
    of = statistics(mean=fmean(values), std=std, min=min(values), max=max(values))
    scale = max(map(abs, values)) or 1.0
    expected = scale * math.sqrt(sum((value / scale) ** 2 for value in values) / len(values))
    assert rms(of, len(values)) == pytest.approx(expected)
    assert absmax(of) == max(map(abs, values))


def test_infinities_are_the_largest_and_nothing_finite_has_no_size():
    assert absmax(statistics(mean=1.0, std=0.0, min=1.0, max=1.0, inf=2)) == math.inf
    assert rms(statistics(nan=3), 3) is None
    assert absmax(statistics(nan=3)) is None

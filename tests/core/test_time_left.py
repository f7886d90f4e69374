"""The time left: the arithmetic of an even rate, and silence where the rate is not even."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.time_left import STEADY_AFTER, TimeLeft


def after(reports, total):
    left = TimeLeft()
    for at, done in reports:
        left.report(at, done, total)
    return left


@given(st.integers(4, 1000), st.floats(0.01, 100))
def test_at_an_even_rate_it_is_what_is_left_at_that_rate(steps, seconds_each):
    reports = [(100 + number * seconds_each, number) for number in range(steps)]
    left = after(reports, 2 * steps).seconds(reports[-1][0])
    if reports[-1][0] - reports[0][0] < STEADY_AFTER:
        assert left is None
    else:
        assert left == pytest.approx((steps + 1) * seconds_each, rel=1e-6)


def test_it_goes_down_between_reports_and_never_below_nothing():
    left = after([(0, 0), (1, 1), (2, 2), (3, 3)], 5)
    assert left.seconds(3) == pytest.approx(2)
    assert left.seconds(4) == pytest.approx(1)
    assert left.seconds(9) == 0


@pytest.mark.parametrize(
    "reports",
    [
        [(0, 0), (1, 50), (2, 51), (30, 52)],
        [(0, 0), (1, 1), (2, 2)],
        [(0, 0), (0.1, 1), (0.2, 2), (0.3, 3), (0.4, 4)],
        [(0, 0), (5, 0), (9, 0)],
    ],
    ids=["slower and slower", "too few", "too short", "nothing done"],
)
def test_where_the_rate_is_not_known_nothing_is_said(reports):
    assert after(reports, 100).seconds(40) is None


def test_without_a_total_nothing_is_said_and_another_total_begins_anew():
    even = [(float(number), number) for number in range(9)]
    assert after(even, None).seconds(9) is None
    left = after(even, 20)
    assert left.seconds(8) == pytest.approx(12)
    left.report(9, 1, 3)
    assert left.seconds(9) is None

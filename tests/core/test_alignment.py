"""Branches that meet, by the definition: aligned are those of the same stride and the same centre."""

import pytest

from inspector.core.alignment import misalignment
from inspector.core.edges import IDENTITY, Edges, compose, fixed, listing, transposed_window, window


def conv(kernel: int, stride: int, padding: int) -> Edges:
    return window(IDENTITY, 100, kernel, stride, padding, 1)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (conv(3, 1, 1), conv(7, 1, 3), None),
        (conv(3, 2, 1), conv(1, 2, 0), None),
        (conv(3, 1, 1), conv(3, 1, 0), "branches meet 1 pixel out of step in head"),
        (conv(2, 2, 0), conv(3, 2, 1), "branches meet 0.5 pixels out of step in head"),
        (conv(9, 1, 8), conv(1, 1, 0), "branches meet 4 pixels out of step in head"),
        (conv(3, 2, 1), conv(3, 4, 1), "branches of strides 2 and 4 meet in head"),
        (conv(3, 1, 1), fixed((0, 99)), None),
        (conv(3, 1, 1), listing([(0, 3), (1, 2), (5, 9)]), None),
    ],
)
def test_branches_that_meet(first: Edges, second: Edges, said: str | None) -> None:
    assert misalignment(first, second, "head") == misalignment(second, first, "head") == said


def test_what_was_pooled_and_copied_back_is_aligned_with_what_it_came_from() -> None:
    halved = window(IDENTITY, 50, 2, 2, 0, 1)
    assert misalignment(compose(halved, 100, lambda u: (u // 2,), 2, 1), IDENTITY, "") is None
    # A stride of two that starts on the first pixel, and a transposed convolution that starts there too.
    assert misalignment(transposed_window(conv(3, 2, 1), 100, 3, 2, 1, 1), IDENTITY, "") is None
    shifted = transposed_window(conv(3, 2, 1), 100, 2, 2, 0, 1)
    assert misalignment(shifted, IDENTITY, "") == "branches meet 0.5 pixels out of step in the model's own forward"

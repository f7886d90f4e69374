"""Edges against sets of pixel indices, kept unit by unit in plain Python."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inspector.core.edges import IDENTITY, NOTHING, Edges, bins, listing, transposed_window, union, window

pytestmark = pytest.mark.slow

MARGIN = 300
"""Virtual positions on either side of the axis, so that windows which reach into the padding are counted whole."""

PixelSets = dict[int, frozenset[int]]


def identity(length: int) -> PixelSets:
    return {u: frozenset([u]) for u in range(-MARGIN, length + MARGIN)}


def through_window(pixels: PixelSets, kernel: int, stride: int, padding: int, dilation: int) -> PixelSets:
    result = {}
    for u in range(min(pixels), max(pixels) + 1):
        taps = [stride * u - padding + t * dilation for t in range(kernel)]
        if all(tap in pixels for tap in taps):
            result[u] = frozenset().union(*(pixels[tap] for tap in taps))
    return result


def through_transposed(pixels: PixelSets, kernel: int, stride: int, padding: int, dilation: int) -> PixelSets:
    """Written, not read: each input position is scattered to the outputs it reaches."""
    reached: dict[int, set[int]] = {}
    for i, seen in pixels.items():
        for t in range(kernel):
            reached.setdefault(i * stride - padding + t * dilation, set()).update(seen)
    reach = stride + kernel * dilation + padding
    first, last = min(pixels) * stride + reach, max(pixels) * stride - reach
    return {o: frozenset(reached.get(o, ())) for o in range(first, last)}


def described(edges: Edges, units: int) -> tuple[int, Fraction, Fraction]:
    return edges.size(units), edges.stride, edges.start(units)


def counted(pixels: PixelSets, stride: Fraction, units: int) -> tuple[int, Fraction, Fraction]:
    seen = [(u, pixels[u]) for u in range(units) if pixels[u]]
    size = max((max(p) - min(p) + 1 for _, p in seen), default=0)
    return size, stride, min((min(p) - u * stride for u, p in seen), default=Fraction(0))


layers = st.tuples(
    st.sampled_from(["window", "transposed"]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 3),
)


def run(chain: list[tuple[str, int, int, int, int]]) -> tuple[Edges, PixelSets, Fraction]:
    edges, pixels, stride = IDENTITY, identity(1), Fraction(1)
    for kind, k, s, p, d in chain:
        edges = (window if kind == "window" else transposed_window)(edges, 1 << 20, k, s, p, d)
        pixels = (through_window if kind == "window" else through_transposed)(pixels, k, s, p, d)
        stride = stride * s if kind == "window" else stride / s
    return edges, pixels, stride


@settings(max_examples=80, deadline=None)
@given(st.lists(layers, min_size=1, max_size=4))
def test_chains_of_windows_see_exactly_the_hull_of_their_pixels(chain: list[tuple[str, int, int, int, int]]) -> None:
    edges, pixels, stride = run(chain)
    units = 36
    assume(pixels and min(pixels) <= 0 and max(pixels) >= units)
    for u in range(units):
        seen = pixels[u]
        low, high = edges.at(u)
        assert (low, high) == (min(seen), max(seen)) if seen else low > high
    assert edges.exact
    assert edges.stride == stride
    if len(edges.lo) <= units:
        assert described(edges, units) == counted(pixels, stride, units)


@settings(max_examples=80, deadline=None)
@given(st.lists(layers, max_size=3), st.lists(layers, max_size=3), layers)
def test_branches_that_meet_see_what_both_saw_also_with_different_strides(
    first: list[tuple[str, int, int, int, int]],
    second: list[tuple[str, int, int, int, int]],
    after: tuple[str, int, int, int, int],
) -> None:
    left, left_pixels, _ = run(first)
    right, right_pixels, _ = run(second)
    units = 24
    assume(all(min(p) <= 0 and max(p) >= units for p in (left_pixels, right_pixels)))
    merged = union(left, right, units)
    pixels = {u: left_pixels[u] | right_pixels[u] for u in range(units)}
    for u in range(units):
        low, high = merged.at(u)
        assert (low, high) == (min(pixels[u]), max(pixels[u])) if pixels[u] else low > high
    # Behind the meeting only real positions count: a window inside the axis needs no padding.
    _, k, _, _, d = after
    length = units - d * (k - 1)
    assume(length > 0)
    behind = window(merged, length, k, 1, 0, d)
    for u in range(length):
        seen = frozenset().union(*(pixels[u + t * d] for t in range(k)))
        low, high = behind.at(u)
        assert (low, high) == (min(seen), max(seen)) if seen else low > high


@pytest.mark.parametrize(
    ("length_in", "length", "sizes"),
    [
        (10, 7, [2, 2, 3, 2, 3, 2, 2]),
        (5, 7, [1, 2, 2, 1, 2, 2, 1]),
        (6, 3, [2, 2, 2]),
        (7, 7, [1] * 7),
        (9, 1, [9]),
    ],
)
def test_adaptive_bins_are_those_of_torch(length_in: int, length: int, sizes: list[int]) -> None:
    edges = bins(IDENTITY, length_in, length)
    assert [edges.at(u)[1] - edges.at(u)[0] + 1 for u in range(length)] == sizes
    assert edges.size(length) == max(sizes)


def test_a_transposed_convolution_leaves_gaps_where_its_stride_exceeds_its_kernel() -> None:
    edges = transposed_window(IDENTITY, 12, kernel=2, stride=3, padding=0, dilation=1)
    assert [edges.at(u) if edges.at(u)[0] <= edges.at(u)[1] else None for u in range(6)] == [
        (0, 0), (0, 0), None, (1, 1), (1, 1), None,
    ]  # fmt: skip


def test_a_list_of_evenly_spaced_positions_is_periodic_again() -> None:
    assert listing([(u * 4 - 3, u * 4 + 3) for u in range(20)]) == Edges(lo=(-3,), hi=(3,), shift=4)


def test_positions_that_see_nothing_do_not_count() -> None:
    edges = listing([NOTHING, (0, 3), (4, 7)])
    assert edges.listed
    assert (edges.size(3), edges.start(3)) == (4, Fraction(-4))


def test_long_axes_fall_back_to_a_bound_that_is_called_one() -> None:
    edges = union(IDENTITY, window(IDENTITY, 50_000, 3, 2, 1, 1), 50_000)
    assert not edges.exact
    assert edges.hull(50_000) == (-1, 99_999)

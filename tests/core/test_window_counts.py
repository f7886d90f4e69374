"""How many positions windows reach, against visiting each tap of each window."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core import geometry
from inspector.core.window_counts import read_below, residues_of_taps, written_positions

kernels, strides, dilations = st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)
HUGE = 999_999_999


@settings(max_examples=500, deadline=None)
@given(st.integers(-3, 90), kernels, strides, dilations, st.integers(0, 12))
def test_positions_that_are_read(bound: int, k: int, s: int, d: int, windows: int) -> None:
    places = {tap * d + window * s for tap in range(k) for window in range(windows)}
    assert read_below(bound, k, s, d, windows) == sum(place < bound for place in places)


@settings(max_examples=200, deadline=None)
@given(kernels, strides, dilations)
def test_remainders_of_taps(k: int, s: int, d: int) -> None:
    assert residues_of_taps(k, s, d) == len({tap * d % s for tap in range(k)})


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 14), kernels, strides, st.integers(0, 30), dilations, st.integers(-2, 30))
def test_windows_that_write(size: int, k: int, s: int, p: int, d: int, output: int) -> None:
    writing = [any(0 <= window * s - p + tap * d < output for tap in range(k)) for window in range(size)]
    assert written_positions(size, k, s, p, d, output) == sum(writing)


def test_numbers_of_any_size_are_told_at_once() -> None:
    (line,) = geometry.transposed_convolution([3], [3], [HUGE], [0], [1], [0])
    assert f"{HUGE - 3} of every {HUGE} outputs are in no window: nothing but the bias comes out there" in line.notes
    (line,) = geometry.convolution([8], [3], [1], [HUGE], [1])
    assert (line.output, line.notes) == (8 + 2 * HUGE - 2, [])
    (line,) = geometry.convolution([8], [3], [5], [HUGE], [1])
    # The windows start at −HUGE + 5·w, and −HUGE is 1 more than a multiple of 5: 0, 4 and 5 lie between windows.
    assert line.notes[-1].startswith("3 of 8 positions are never read")
    (line,) = geometry.convolution([8], [HUGE], [1], [HUGE], [3])
    assert "would fit" in line.notes[0]
    (line,) = geometry.convolution([HUGE], [2], [3], [0], [1])
    assert line.notes == [
        "the last position is never read",
        f"{HUGE // 3 - 1} of {HUGE} positions are never read: stride 3 steps over more than the kernel covers",
    ]
    (line,) = geometry.transposed_convolution([HUGE], [HUGE], [1], [HUGE // 2], [1], [0])
    assert line.notes == []
    (line,) = geometry.convolution([None], [3], [HUGE], [0], [1])
    assert line.notes[0].startswith(f"{HUGE - 3} of every")

"""The equation fits what chains of windows make of every size, and only that."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inspector.core.size_equations import fitted

steps = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=3)


def through(size, windows):
    for kernel, stride in windows:
        size = (size - kernel) // stride + 1
    return size


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(1, 6), st.integers(40, 60))
def test_a_chain_of_windows_has_an_equation_that_agrees_at_every_size(windows, channels, right):
    value = through(right, windows)
    # Wide enough for all sizes that give the same: strides of 27 at most.
    seen = {size: channels * max(0, through(size, windows)) ** 2 for size in range(10, 120)}
    fitting = [size for size in seen if through(size, windows) == value]
    assume(value > 0 and fitting[0] > 10)
    wanted = channels * value**2
    others = {size: got for size, got in seen.items() if size not in fitting}
    equation = fitted(fitting[0], fitting[-1], 2, wanted, others)
    assert equation is not None
    for size, got in seen.items():
        assert equation.factor * max(0, equation.steps[0].at(size)) ** 2 + equation.extra == got


def test_the_text_has_the_numbers_of_the_steps():
    # LeNet: kernels of 5, pools of 2, twice.
    windows = [(5, 1), (2, 2), (5, 1), (2, 2)]
    seen = {size: 16 * through(size, windows) ** 2 for size in (24, 28, 40, 64)}
    equation = fitted(32, 35, 2, 400, seen)
    assert equation.text(["h", "w"]) == "16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400"


def test_no_equation_is_told_where_one_number_does_not_agree():
    assert fitted(32, 35, 2, 400, {24: 144, 28: 257, 40: 784}) is None
    assert fitted(32, 35, 2, 400, {24: 144}) is None

"""Sizes are solved for against networks whose output sizes are worked out step by step."""

from math import prod

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.solving_sizes import Mismatch, Trial, solve_sizes

USUAL = (224, 32, 28, 64)
windows = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=4)


def through(size, layers):
    """The size behind convolutions (kernel, stride, padding); 0 where a kernel does not fit any more."""
    for kernel, stride, padding in layers:
        if size + 2 * padding < kernel:
            return 0
        size = (size + 2 * padding - kernel) // stride + 1
    return size


def trial(sizes, layers, channels, wanted):
    sides = tuple(through(size, layers) for size in sizes)
    if not prod(sides):
        return Trial(works=False)
    got = channels * prod(sides)
    return Trial(works=got == wanted, mismatch=None if got == wanted else Mismatch(got=got, wanted=wanted, sizes=sides))


@given(layers=windows, channels=st.integers(1, 40), made_for=st.integers(8, 400), axes=st.integers(1, 3))
def test_the_size_that_a_network_was_made_for_is_among_the_sizes_found(layers, channels, made_for, axes):
    wanted = channels * through(made_for, layers) ** axes
    first = trial([224] * axes, layers, channels, wanted)
    if not wanted or first.works or first.mismatch is None:
        return
    tried = []

    def probe(sizes):
        tried.append(tuple(sizes))
        return trial(sizes, layers, channels, wanted)

    found = solve_sizes([224] * axes, first.mismatch, probe, USUAL)
    assert found is not None
    right = {size for size in range(1, 1000) if through(size, layers) == through(made_for, layers)}
    assert set(found.ranges[0]) == right
    assert set(found.sizes) <= right
    assert len(tried) <= 60


@given(layers=windows, channels=st.integers(1, 9), made_for=st.tuples(st.integers(9, 120), st.integers(9, 120)))
def test_sides_of_different_length_are_found_where_a_square_does_not_do(layers, channels, made_for):
    sides = [through(size, layers) for size in made_for]
    wanted = channels * prod(sides)
    first = trial([64, 64], layers, channels, wanted)
    if not wanted or first.works or first.mismatch is None:
        return
    found = solve_sizes([64, 64], first.mismatch, lambda sizes: trial(sizes, layers, channels, wanted), USUAL)
    # Some pairs of sides are out of reach, such as an axis that every stride jumps over.
    assert found is None or trial(found.sizes, layers, channels, wanted).works


def test_a_number_that_does_not_depend_on_the_input_is_given_up_soon():
    tried = []

    def probe(sizes):
        tried.append(sizes)
        return Trial(works=False, mismatch=Mismatch(got=512, wanted=392, sizes=(8, 8)))

    assert solve_sizes([224, 224], Mismatch(got=512, wanted=392, sizes=(8, 8)), probe, USUAL) is None
    assert len(tried) <= 20

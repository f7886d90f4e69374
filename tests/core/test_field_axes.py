"""Single units: their windows, the part in the image, and the ways from one to the next."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.edges import IDENTITY, transposed_window, window
from inspector.core.field_axes import Units, inside, seen_by, sees_everything, window_of
from inspector.core.field_rules import apply
from inspector.core.fields import Field, OpCall, TrackedInputs
from inspector.core.sights import Seen
from inspector.core.table import FieldAxis, ReceptiveField

PIXELS = 12


def told(field: Field | None, inputs: TrackedInputs) -> ReceptiveField:
    found = inputs.receptive_field(field)
    assert found is not None
    return found


def image(*axes: FieldAxis, status: str = "exact") -> ReceptiveField:
    return ReceptiveField(status=status, size=[1] * len(axes), stride=[1] * len(axes), start=[0] * len(axes), axes=axes)


def along(units: int, first: int = 0, size: int = 1, stride: int = 1, **more: object) -> FieldAxis:
    return FieldAxis(pixels=PIXELS, units=units, first=[first], last=[first + size - 1], shift=stride, **more)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
def test_a_unit_sees_what_its_taps_reach(layers: list[tuple[bool, int, int]]) -> None:
    sources = [{pixel} for pixel in range(PIXELS)]
    edges = IDENTITY
    for transposed, kernel, stride in layers:
        if transposed:
            length = (len(sources) - 1) * stride + kernel
            new: list[set[int]] = [set() for _ in range(length)]
            for place, source in enumerate(sources):
                for tap in range(kernel):
                    new[place * stride + tap] |= source
            edges = transposed_window(edges, length, kernel, stride, 0, 1)
        else:
            length = (len(sources) - kernel) // stride + 1
            if length < 1:
                return
            new = [set().union(*sources[unit * stride : unit * stride + kernel]) for unit in range(length)]
            edges = window(edges, length, kernel, stride, 0, 1)
        sources = new
    inputs = TrackedInputs([(1, 1, PIXELS, 1)], [True])
    seen = Seen(edges=edges, dim=2, length=len(sources))
    rest = Seen(edges=IDENTITY, dim=3, length=1)
    field = told(Field(axes={(0, 2): seen, (0, 3): rest}), inputs)
    for unit, pixels in enumerate(sources):
        there = inside(window_of(field, 0, unit), PIXELS)
        # A transposed layer's ends read positions that are not there: no image in them, but they count as padding.
        assert not pixels or (there is not None and there[0] <= min(pixels) <= max(pixels) <= there[1])
        if not any(layer[0] for layer in layers):
            assert there == (min(pixels), max(pixels))


def test_padding_is_outside_the_image() -> None:
    assert inside((-3, 4), PIXELS) == (0, 4)
    assert inside((10, 14), PIXELS) == (10, 11)
    assert inside((-3, -1), PIXELS) is None
    assert inside(None, PIXELS) is None


def test_a_position_that_no_tap_reaches_sees_nothing() -> None:
    field = image(FieldAxis(pixels=4, units=8, first=[0, 1], last=[0, 0], shift=1))
    assert [window_of(field, 0, unit) for unit in range(4)] == [(0, 0), None, (1, 1), None]


def test_where_units_are_not_told_one_by_one_the_fields_numbers_serve() -> None:
    axis = FieldAxis(pixels=9, units=20, exact=False)
    field = ReceptiveField(status="upper_bound", size=[3], stride=[0.5], start=[-1.25], axes=[axis])
    assert [window_of(field, 0, unit) for unit in range(4)] == [(-1, 1), (0, 2), (0, 2), (1, 3)]


def test_an_axis_that_was_mixed_is_seen_from_end_to_end_beside_its_window() -> None:
    field = image(along(4, stride=3, whole=True))
    assert seen_by(field, 0, 1) == (0, PIXELS - 1)
    assert window_of(field, 0, 1) == (3, 3)


@pytest.mark.parametrize(
    ("axis", "everything"),
    [
        (along(1, size=PIXELS), True),
        (along(3, first=-12, size=36, stride=6), True),
        (along(3, first=-10, size=20, stride=5), False),
        (along(4, whole=True), True),
    ],
)
def test_everything_is_seen_only_where_every_unit_does(axis: FieldAxis, everything: bool) -> None:
    pixels = set(range(PIXELS))
    field = image(axis)
    of_units = [seen_by(field, 0, unit) for unit in range(axis.units)]
    assert everything == all(one and pixels <= set(range(one[0], one[1] + 1)) for one in of_units)
    assert sees_everything(field) is everything


def test_units_step_within_the_output() -> None:
    units = Units(image(along(4, dim=2), along(6, dim=3)))
    assert not units.tied
    assert units.step([0, 0], -2, -1) == [0, 0]
    assert units.step([0, 0], -1, 1) == [0, 1]
    assert units.step([3, 1], -2, 1) == [3, 1]
    assert units.step([1, 1], -1, 6) == [1, 5]
    assert units.step([1, 1], -3, 1) == [1, 1], "an image has no depth"


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_place_on_another_grid_is_the_same_part_of_the_image(one: int, other: int, data: st.DataObject) -> None:
    coarse, fine = Units(image(along(one, dim=1))), Units(image(along(other, dim=1)))
    place = data.draw(st.integers(0, one - 1))
    assert coarse.near(coarse.shares([place])) == [place]
    there = fine.near(coarse.shares([place]))[0]
    assert abs((there + 0.5) / other - (place + 0.5) / one) <= 0.5 / other + 1e-9


def tokens(patches: int, before: int) -> ReceptiveField:
    """Patches of an image, 3 pixels wide, as a row of tokens behind others that see nothing: a class token."""
    inputs = TrackedInputs([(1, 3, PIXELS, PIXELS)], [True])
    shape = (1, 8, patches, patches)
    patch = {"kernel": (3, 3), "stride": (3, 3), "padding": (0, 0), "dilation": (1, 1)}
    start = [((1, 3, PIXELS, PIXELS), inputs.seed(0))]
    field = apply(OpCall(op="conv", inputs=start, output_shapes=[shape], settings=patch), inputs)[0]
    flat = (1, 8, patches * patches)
    field = apply(OpCall(op="view", inputs=[(shape, field)], output_shapes=[flat], settings={}), inputs)[0]
    both = (1, 8, before + patches * patches)
    joined = OpCall(op="cat", inputs=[((1, 8, before), None), (flat, field)], output_shapes=[both], settings={"dim": 2})
    return told(apply(joined, inputs)[0] if before else field, inputs)


def test_patches_in_a_row_still_have_rows_and_columns() -> None:
    units = Units(tokens(4, before=0))
    assert (units.tied, units.counts) == (False, [4, 4])


def test_behind_a_class_token_one_index_says_row_and_column() -> None:
    field = tokens(4, before=1)
    units = Units(field)
    assert (units.tied, units.counts) == (True, [17])
    assert [window_of(field, axis, unit) for axis, unit in enumerate(units.at([0]))] == [None, None]
    for token in range(16):
        row, column = divmod(token, 4)
        windows = [window_of(field, axis, unit) for axis, unit in enumerate(units.at([token + 1]))]
        assert windows == [(3 * row, 3 * row + 2), (3 * column, 3 * column + 2)]
        below = token + 1 + 4 if row < 3 else token + 1
        assert units.step([token + 1], -2, 1) == [below], "a row further down, in the same column"
    assert units.nearest([10, 4]) == [1 + 3 * 4 + 1]


def test_the_unit_nearest_to_a_pixel_has_it_in_its_middle() -> None:
    units = Units(image(along(4, first=-1, size=3, stride=3), along(12, first=-1, size=3)))
    assert units.nearest([6, 7]) == [2, 7]
    assert units.nearest([11, 0]) == [3, 0]

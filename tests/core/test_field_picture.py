"""Every cell of a picture against the pixels that it stands for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.field_picture import Mark, Ruler, grid, picture, rulers
from inspector.core.table import FieldAxis, ReceptiveField

sizes = st.integers(1, 40)


@given(sizes, sizes)
def test_every_pixel_has_a_cell_and_every_cell_a_pixel(pixels: int, cells: int) -> None:
    ruler = Ruler(pixels, cells if cells <= pixels else cells // pixels * pixels)
    stands_for = [list(ruler.pixels_of(cell)) for cell in range(ruler.cells)]
    assert all(stands_for)
    assert sorted({pixel for cell in stands_for for pixel in cell}) == list(range(pixels))
    for pixel in range(pixels):
        assert list(ruler.cells_of((pixel, pixel))) == [c for c, held in enumerate(stands_for) if pixel in held]


@given(st.tuples(sizes, st.integers(1, 2000)), st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_an_image_is_laid_within_its_room_with_square_pixels(pixels: tuple[int, int], room: tuple[int, int]) -> None:
    laid = rulers(pixels, room)
    assert all(1 <= ruler.cells <= cells for ruler, cells in zip(laid, room, strict=True))
    per_cell = [ruler.pixels / ruler.cells for ruler in laid]
    if all(ruler.cells > 8 for ruler in laid):
        assert per_cell[0] == pytest.approx(per_cell[1], rel=0.3), "but for rounding to whole characters"


def axis(pixels: int, first: int, size: int, whole: bool = False) -> FieldAxis:
    return FieldAxis(pixels=pixels, units=1, first=[first], last=[first + size - 1], shift=0, whole=whole)


@st.composite
def fields(draw: st.DrawFn, whole: bool) -> ReceptiveField:
    axes = [axis(draw(sizes), draw(st.integers(-9, 42)), draw(sizes), whole) for _ in range(draw(st.integers(1, 3)))]
    status = "whole_input" if whole else "exact"
    ones = [1] * len(axes)
    return ReceptiveField(status=status, size=ones, stride=ones, start=ones, axes=axes)


@pytest.mark.parametrize("whole", [False, True])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cell_is_marked_as_its_pixels_are_seen(whole: bool, data: st.DataObject) -> None:
    field = data.draw(fields(whole))
    room = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    drawn = picture(field, [0] * len(field.axes), room)
    seen = [set(range(one.first[0], one.last[0] + 1)) & set(range(one.pixels)) for one in field.axes]
    rows, columns = [{0}, *seen][-2:]
    for row in range(drawn.rows.cells):
        for column in range(drawn.columns.cells):
            in_field = all(seen) and any(
                r in rows and c in columns for r in drawn.rows.pixels_of(row) for c in drawn.columns.pixels_of(column)
            )
            assert drawn.mark(row, column) is (Mark.FIELD if in_field else Mark.WHOLE if whole else Mark.REST)
    middle = [(one.first[0] + one.last[0]) // 2 for one in field.axes]
    if drawn.centre is not None:
        assert drawn.mark(*drawn.centre) is Mark.FIELD
        assert middle[-1] in drawn.columns.pixels_of(drawn.centre[1])
    elif all(seen):
        assert not all(0 <= place < one.pixels for place, one in zip(middle[-2:], field.axes[-2:], strict=True))


def test_a_volume_whose_depth_is_all_padding_shows_nothing() -> None:
    ones = [1, 1, 1]
    axes = [axis(5, -4, 3), axis(5, 0, 3), axis(5, 0, 3)]
    drawn = picture(ReceptiveField(status="exact", size=ones, stride=ones, start=ones, axes=axes), [0, 0, 0], (10, 10))
    assert {drawn.mark(row, column) for row in range(10) for column in range(10)} == {Mark.REST}


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_the_chosen_unit_is_marked_on_the_output(height: int, width: int, data: st.DataObject) -> None:
    place = [data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))]
    drawn = grid([height, width], place, (20, 20))
    for row in range(drawn.rows.cells):
        for column in range(drawn.columns.cells):
            there = place[0] in drawn.rows.pixels_of(row) and place[1] in drawn.columns.pixels_of(column)
            assert (drawn.mark(row, column) is Mark.FIELD) is there

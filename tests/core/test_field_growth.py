"""How fields grow along a model's rows, and where that ends."""

from inspector.core.field_growth import growth
from inspector.core.table import FieldAxis, ReceptiveField, Row

PIXELS = [20, 24]


def row(index: int, size: int, whole: bool = False, subtree: int = 1, number: int = 0, units: int = 1) -> Row:
    """A row whose units see `size` pixels along both axes, one pixel further each."""
    axes = [
        FieldAxis(pixels=pixels, units=units, whole=whole, first=[0], last=[size - 1], shift=1) for pixels in PIXELS
    ]
    field = ReceptiveField(
        status="whole_input" if whole else "exact",
        size=PIXELS if whole else [size, size],
        stride=[1, 1],
        start=[0, 0],
        input=number,
        axes=axes,
    )
    return Row(
        index=index,
        parent=0,
        kind="module",
        path=f"l{index}",
        type="L",
        depth=1,
        subtree=subtree,
        receptive_field=field,
    )


def test_steps_are_the_rows_that_hold_no_others_along_the_longest_axis() -> None:
    grown = growth([row(0, 9, subtree=3), row(1, 3), row(2, 5), row(3, 7, number=1)], 0)
    assert grown is not None
    assert (grown.axis, grown.pixels) == (1, 24)
    assert [(step.row.index, step.size) for step in grown.steps] == [(1, 3), (2, 5)]
    assert (grown.reaching, grown.everything) == (None, None)


def test_a_field_as_large_as_the_input_is_not_yet_all_that_every_unit_sees() -> None:
    grown = growth([row(1, 23, units=4), row(2, 24, units=4), row(3, 30, units=4), row(4, 24)], 0)
    assert grown is not None
    assert grown.reaching is grown.steps[1]
    assert grown.everything is grown.steps[3], "its one unit sees all; units further on begin behind the first pixel"


def test_beside_the_whole_input_the_windows_size_is_kept() -> None:
    grown = growth([row(1, 3), row(2, 5, whole=True, units=9)], 0)
    assert grown is not None
    assert [(step.size, step.whole) for step in grown.steps] == [(3, False), (5, True)]
    assert grown.reaching is grown.everything is grown.steps[1]


def test_rows_without_a_field_leave_nothing_to_grow() -> None:
    unknown = ReceptiveField(status="unknown", via="sort")
    rows = [Row(index=0, parent=None, kind="module", path="", type="M", depth=0, receptive_field=unknown)]
    assert growth(rows, 0) is None

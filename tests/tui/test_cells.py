"""Cells: cut and padded by their width on screen; columns dropped by priority."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from inspector.tui.cells import GAP, Column, fit, fit_columns, strip_of

TEXTS = st.text(st.characters(exclude_categories=[]) | st.sampled_from("模型😀é\u0301[/]\n\x1b"), max_size=60)


@given(TEXTS, st.integers(0, 40), st.booleans())
def test_a_fitted_text_is_never_wider_than_its_cell(text, width, middle):
    assert cell_len(fit(text, width, middle)) <= width


def test_a_text_that_is_cut_says_so():
    assert fit("conv2d_with_a_long_name", 8) == "conv2d_…"
    assert fit("conv2d", 8) == "conv2d"
    assert fit("模型模型模型", 5) == "模型…"


@given(st.text("abc_", min_size=1, max_size=3000), st.integers(3, 40))
def test_a_text_cut_in_the_middle_keeps_as_much_of_its_end_as_of_its_beginning(text, width):
    begin, cut, end = fit(text, width, middle=True).partition("…")
    assert text.startswith(begin)
    assert text.endswith(end)
    if cut:
        assert 0 <= len(begin) - len(end) <= 1
        assert len(begin) + 1 + len(end) == width < len(text)
    else:
        assert begin == text


def test_columns_of_one_priority_are_dropped_together():
    columns = [Column(title="t", width=5, least=5, priority=priority) for priority in (0, 2, 1, 2)]
    assert fit_columns(columns, 4 * 5 + 3 * GAP) == [5, 5, 5, 5]
    assert fit_columns(columns, 4 * 5 + 3 * GAP - 1) == [5, 0, 5, 0]


def test_a_title_is_never_cut():
    columns = [Column(title="name", width=5, least=5), Column(title="NaN, Inf", width=3, least=1, priority=1)]
    assert fit_columns(columns, 5 + GAP + 8) == [5, 8]
    assert fit_columns(columns, 5 + GAP + 7) == [5, 0]


COLUMNS = st.lists(
    st.builds(
        lambda least, more, priority, right, share: Column(
            title="t", width=least + more, least=least, priority=priority, right=right, share=share
        ),
        st.integers(1, 20), st.integers(0, 20), st.integers(0, 5), st.booleans(), st.integers(0, 3),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


@given(COLUMNS, st.integers(0, 150))
def test_columns_fit_unless_only_those_that_must_stay_are_left(columns, width):
    widths = fit_columns(columns, width)
    kept = [i for i, one in enumerate(widths) if one]
    total = sum(widths) + GAP * (len(kept) - 1)
    assert total <= width or all(columns[i].priority == 0 for i in kept)
    assert all(widths[i] >= columns[i].least for i in kept)
    dropped = [columns[i].priority for i, one in enumerate(widths) if not one]
    assert not dropped or max(columns[i].priority for i in kept) <= min(dropped) if kept else True


@given(COLUMNS, st.lists(TEXTS, min_size=7, max_size=7), st.integers(0, 150))
def test_a_strip_is_as_wide_as_its_columns_whatever_is_in_them(columns, texts, width):
    widths = fit_columns(columns, width)
    kept = [one for one in widths if one]
    cells = [[(text, "")] for text in texts[: len(columns)]]
    strip = strip_of(columns, widths, cells, {}, Style())
    assert strip.cell_length == sum(kept) + GAP * max(0, len(kept) - 1)


def test_two_columns_of_one_rank_are_given_as_much_each():
    sides = [Column(title=name, width=40, least=12) for name in "AB"]
    assert fit_columns(sides, 62) == [30, 30]
    assert fit_columns([Column(title="A", width=14, least=12), sides[1]], 62) == [14, 40]


def test_a_column_that_yields_shrinks_before_those_that_are_dropped_later():
    module = Column(title="m", width=40, least=12, priority=3, share=3, yields=True)
    columns = [Column(title="n", width=14, least=10), module, Column(title="marks", width=20, least=8, priority=4)]
    assert fit_columns(columns, 14 + 12 + 20 + 2 * GAP) == [14, 12, 20]
    assert fit_columns(columns, 14 + 22 + 20 + 2 * GAP) == [14, 22, 20]

"""Index expressions against numpy, by indexing with both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.core.tensor_index import parse_index
from inspector.engine.values import read_values

CUBE = torch.arange(2.0 * 5 * 7).view(2, 5, 7)
number = st.integers(-9, 9).map(str)
piece = st.one_of(
    number,
    st.just(":"),
    st.just("..."),
    st.tuples(number | st.just(""), number | st.just("")).map(":".join),
    st.tuples(number | st.just(""), number | st.just(""), st.integers(1, 3).map(str)).map(":".join),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(piece, max_size=4), st.booleans())
def test_an_index_selects_what_numpy_selects(pieces, brackets):
    text = ", ".join(pieces)
    text = f"[{text}]" if brackets else text
    try:
        expected = torch.as_tensor(eval(f"CUBE.numpy()[{', '.join(pieces) or '...'}]"))
    except IndexError:
        with pytest.raises(RequestError, match=r"\[2, 5, 7\]"):
            parse_index(text, list(CUBE.shape), "cube")
        return
    assert torch.equal(CUBE[tuple(parse_index(text, list(CUBE.shape), "cube"))], expected)


@pytest.mark.parametrize("text", ["a", "1.5", "[0", "::0", "0;1", "None", "__import__('os')", "1 2", "::-1"])
def test_anything_else_is_refused_with_the_shape(text):
    with pytest.raises(RequestError, match=r"\[2, 5, 7\] \(3 axes\)"):
        parse_index(text, [2, 5, 7], "cube")


def test_rows_are_the_last_two_axes_and_offsets_say_where():
    found = read_values(CUBE, "cube", "[1, 2:4, 3:]", 2)
    assert found.rows == CUBE[1, 2:4, 3:5].tolist()
    assert (found.row_offset, found.column_offset) == (2, 3)
    assert found.shape == [2, 4]
    assert found.statistics.mean == pytest.approx(float(CUBE[1, 2:4, 3:].mean()))


def test_leading_axes_show_their_first_index():
    assert read_values(CUBE, "cube", "1:", 64).rows == CUBE[1].tolist()


@pytest.mark.parametrize(
    ("tensor", "index", "rows"),
    [
        (torch.tensor(3.0), "", [[3.0]]),
        (torch.tensor([1, 2, 3]), "1:", [[2.0, 3.0]]),
        (torch.tensor([True]), "[0]", [[1.0]]),
        (torch.empty(2, 0), "", [[], []]),
        (torch.empty(0, 2, 2), "", []),
        (torch.empty(1, 2, device="meta"), "", [[None, None]]),
        (torch.tensor([3 + 4j]), "", [[5.0]]),
        (torch.tensor([1.5]).to(torch.float8_e4m3fn), "", [[1.5]]),
        (torch.tensor([[0.0, 2.0]]).to_sparse(), "0", [[0.0, 2.0]]),
    ],
)
def test_every_kind_of_tensor(tensor, index, rows):
    assert read_values(tensor, "t", index, 64).rows == rows


def test_a_lazy_tensor_asks_for_a_pass():
    with pytest.raises(RequestError, match="run one first"):
        read_values(torch.nn.LazyLinear(3).weight, "weight", "", 8)

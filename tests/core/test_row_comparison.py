"""What is said of a comparison, and how the axes of an export are written."""

import pytest

from inspector.core.errors import RequestError
from inspector.core.export import DynamicAxis, parse_dynamic
from inspector.core.row_comparison import (
    ComparedOutput,
    ComparedPass,
    ComparedRow,
    RowComparison,
    first_divergence,
    matched_sentence,
    verdict,
)


def row(path, parted=False):
    return ComparedRow(path=path, type="Linear", node=f"{path}/node", relative=0.25, parted=parted)


def comparison(*passes):
    told = [ComparedPass(**{**one, "first_divergence": first_divergence(ComparedPass(**one))}) for one in passes]
    return RowComparison(passes=told, modules=4, matched=3, unmatched=["x"])


AGREES = {"inputs": ["2x3"], "dtype": "float32", "rows": [row("a"), row("b")]}
PARTS = {"inputs": ["3x3"], "dtype": "float32", "rows": [row("a"), row("b", parted=True), row("c", parted=True)]}


def test_the_first_row_that_parts_is_told_with_the_sizes_it_parts_at():
    made = comparison(AGREES, PARTS)
    assert not made.agrees
    assert (made.first_divergence.path, made.first_divergence.inputs) == ("b", ["3x3"])
    assert verdict(made) == "the file parts from the model first at b, node b/node by 0.25 relative on 3x3"


def test_agreement_says_how_much_was_compared():
    assert verdict(comparison(AGREES)) == "the file agrees with the model: 2 rows and all outputs within rounding"
    assert matched_sentence(comparison(AGREES)) == "3 of 4 modules with parameters matched"
    assert comparison(AGREES).share == 0.75


def test_an_output_that_parts_alone_points_behind_the_last_module():
    output = ComparedOutput(name="y", relative=0.5, parted=True)
    made = comparison(AGREES | {"outputs": [output]})
    assert made.first_divergence.path == ""
    assert "look behind the last module" in verdict(made)


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("x:0=batch", DynamicAxis(input="x", axis=0, name="batch")),
        ("image:2", DynamicAxis(input="image", axis=2, name="image_2")),
        ("batch[0].x:-1", DynamicAxis(input="batch[0].x", axis=-1, name="batch_0_x_m1")),
    ],
)
def test_axes_are_read(text, axis):
    assert parse_dynamic(text) == axis


@pytest.mark.parametrize("text", ["", "x", "x:", "x:a", "x:0=", "x:0=2", ":0", "x:0=a b", "x:99999"])
def test_what_is_no_axis_is_refused(text):
    with pytest.raises(RequestError, match="NAME:AXIS"):
        parse_dynamic(text)

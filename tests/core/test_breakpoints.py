"""Breakpoints and changes as they are typed."""

import pytest

from inspector.core.breakpoints import breakpoint_at, parse_breakpoint
from inspector.core.errors import RequestError
from inspector.core.output_changes import parse_change, parse_row_change
from inspector.core.row_patterns import parse_row_pattern, refuse_unknown

ROWS = {
    # pattern: rows that it means, of (path, type, is a function, call)
    "layer1.0": [("layer1.0", "Block", False, 0), ("layer1.0", "Block", False, 1)],
    "layer1.*": [
        ("layer1.0", "Block", False, 0), ("layer1.0", "Block", False, 1), ("layer1.0.conv", "Conv2d", False, 0),
    ],
    "layer1.0 #2": [("layer1.0", "Block", False, 1)],
    "layer1.0#2": [("layer1.0", "Block", False, 1)],
    "type:Conv2d": [("layer1.0.conv", "Conv2d", False, 0)],
    "type:*relu": [("layer1.0", "F.relu", True, 0), ("", "x.relu", True, 0)],
    "type:relu": [("layer1.0", "F.relu", True, 0), ("", "x.relu", True, 0)],
    "layer1.0 type:*": [
        ("layer1.0", "Block", False, 0), ("layer1.0", "Block", False, 1), ("layer1.0", "F.relu", True, 0),
    ],
    "module:": [("", "Net", False, 0)],
    "module:nan": [],
    "type:x[…] =": [("", "x[…] =", True, 0)],
}  # fmt: skip
ALL = [
    ("", "Net", False, 0), ("layer1.0", "Block", False, 0), ("layer1.0", "Block", False, 1),
    ("layer1.0.conv", "Conv2d", False, 0), ("layer1.0", "F.relu", True, 0), ("", "x.relu", True, 0),
    ("", "x[…] =", True, 0),
]  # fmt: skip


@pytest.mark.parametrize("text", ROWS)
def test_which_rows_a_pattern_means(text):
    pattern = parse_row_pattern(text)
    assert [row for row in ALL if pattern.matches([row[0]], *row[1:])] == [row for row in ALL if row in ROWS[text]]


def test_a_module_is_found_under_each_of_its_places():
    assert parse_row_pattern("decoder.*").matches(["encoder.act", "decoder.act"], "ReLU", False, 0)


@pytest.mark.parametrize("text", ["conv #0", "conv #two", "type:", "conv #"])
def test_rows_that_do_not_read(text):
    with pytest.raises(RequestError, match=r"calls count from 1|after type: stands"):
        parse_row_pattern(text)


def test_rows_of_no_module_are_refused_with_what_comes_close():
    refuse_unknown(parse_row_pattern("conv*"), ["", "conv1"])
    refuse_unknown(parse_row_pattern("type:Nothing"), [""])
    with pytest.raises(RequestError, match="did you mean conv1"):
        refuse_unknown(parse_row_pattern("conf1"), ["", "conv1"])
    with pytest.raises(RequestError, match="rows are written like"):
        refuse_unknown(parse_row_pattern("zzz"), ["", "conv1"])


@pytest.mark.parametrize(
    ("text", "moment", "path", "type_", "has_condition"),
    [
        ("conv1", "after", "conv1", None, False),
        ("before conv1", "before", "conv1", None, False),
        ("after conv1 if nan", "after", "conv1", None, True),
        ("nan", "after", None, None, True),
        ("absmax>1e4", "after", None, None, True),
        ("(nan) or inf", "after", None, None, True),
        ("before dtype == float16", "before", None, None, True),
        ("layer1 type:Conv2d #2 if shape[-1] == 400", "after", "layer1", "Conv2d", True),
        ("mean", "after", "mean", None, False),
        ("module:nan", "after", "nan", None, False),
        ("notify", "after", "notify", None, False),
        ("before", "before", None, None, False),
    ],
)
def test_what_a_breakpoint_is(text, moment, path, type_, has_condition):
    point = parse_breakpoint(f"  {text} ")
    assert (point.text, point.moment) == (text, moment)
    assert (point.rows.path, point.rows.type) == (path, type_)
    assert (point.condition is not None) == has_condition


@pytest.mark.parametrize("text", ["", "  ", "conv1 if", "conv1 if conv2", "if"])
def test_breakpoints_that_do_not_read(text):
    with pytest.raises(RequestError, match=r"missing|is none of"):
        parse_breakpoint(text)


@pytest.mark.parametrize(
    ("text", "kind", "numbers", "index", "argument", "tensor"),
    [
        ("zero", "zero", [], [], "", None),
        ("zero @1", "zero", [], [], "", 1),
        ("scale(-2)", "scale", [-2], [], "", None),
        ("clamp( -1 , inf )", "clamp", [-1, float("inf")], [], "", None),
        ("noise(0.5)", "noise", [0.5], [], "", None),
        ("noise(0.5, 3)", "noise", [0.5, 3], [], "", None),
        ("[0, -1] = 1e3 @0", "element", [1e3], [0, -1], "", 0),
        ("[] = 2", "element", [2], [], "", None),
        ("[0] = inf", "element", [float("inf")], [0], "", None),
        ("file(a b/c.pt)", "file", [], [], "a b/c.pt", None),
        ("other", "other", [], [], "", None),
        ("= output @ w", "expression", [], [], "output @ w", None),
    ],
)
def test_what_a_change_is(text, kind, numbers, index, argument, tensor):
    change = parse_change(f" {text} ")
    assert (change.text, change.kind, change.numbers) == (text, kind, numbers)
    assert (change.index, change.argument, change.tensor) == (index, argument, tensor)


@pytest.mark.parametrize(
    "text",
    [
        *("", "none", "zero(1)", "clamp(1)", "scale()", "scale(x)", "noise(-1)", "noise(1, 0.5)", "[a] = 1", "="),
        *("noise(nan)", "noise(inf)", "scale(1e400)", "clamp(nan, 1)"),
    ],
)
def test_changes_that_do_not_read(text):
    with pytest.raises(RequestError):
        parse_change(text)


def test_a_standing_change_names_its_row_before_a_colon():
    standing = parse_row_change("type:Conv2d #1 if nan: clamp(-1, 1)")
    assert (standing.at.rows.type, standing.at.rows.call, standing.change.kind) == ("Conv2d", 1, "clamp")
    assert parse_row_change("module:: = {'a: b': output}").change.argument == "{'a: b': output}"
    for text, sentence in {"conv1 zero": "write ROW: CHANGE", "before conv1: zero": "after a row"}.items():
        with pytest.raises(RequestError, match=sentence):
            parse_row_change(text)


@pytest.mark.parametrize(
    ("path", "type_", "is_function", "call"),
    [
        ("conv1", "Conv2d", False, None),
        ("conv1", "Conv2d", False, 1),
        ("", "Net", False, None),
        ("", "F.relu", True, 2),
        ("layer1.0", "x.view", True, None),
        ("before", "Linear", False, None),
        ("after", "Linear", False, 0),
        ("nan", "Linear", False, None),
        ("if", "Linear", False, None),
    ],
)
def test_a_breakpoint_made_for_a_row_reads_as_that_row_alone(path, type_, is_function, call):
    read = parse_breakpoint(breakpoint_at(path, type_, is_function, call))
    assert read.condition is None
    assert read.moment == "after"
    assert read.rows.matches([path], type_, is_function, call or 0)
    assert not read.rows.matches(["elsewhere"], type_, is_function, call or 0)
    assert read.rows.matches([path], type_, is_function, 5) == (call is None)
    assert not read.rows.matches([path], "F.other", True, call or 0)

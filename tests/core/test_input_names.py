"""Parts of arguments are named by the Python expression that reaches them, and specs read as they are written."""

import pytest

from inspector.core.errors import RequestError
from inspector.core.input_names import refuse_contradictions, split_name
from inspector.core.recipe import parse_input


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("x", ("x", [])),
        ("images[0]", ("images", ["[0]"])),
        ("batch.image", ("batch", [".image"])),
        ("batch['mask']", ("batch", ['["mask"]'])),
        ('state["h"][1].cell', ("state", ['["h"]', "[1]", ".cell"])),
        ("input.1", ("input.1", [])),
        ("a[", ("a[", [])),
    ],
)
def test_a_name_is_taken_apart(name, parts):
    head, steps = split_name(name)
    assert (head, [str(step) for step in steps]) == parts


@pytest.mark.parametrize(
    "spec", ["images[0]=3x30x40", 'batch["ids"]=2x16:int64~range(0,9)', "state.h=1x8", "steps==5", "mode=='fast'"]
)
def test_a_spec_reads_as_it_is_written(spec):
    assert str(parse_input(spec)) == spec


def test_a_plain_value_is_a_literal():
    assert parse_input("sizes==[1, 2]").value == "[1, 2]"
    with pytest.raises(RequestError, match="'fast' in quotes"):
        parse_input("mode==fast")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["x[0]", "x.a"], "x[0] makes x a list, x.a an object with attributes"),
        (["x[0]", 'x["a"]'], 'x[0] makes x a list, x["a"] a dictionary'),
        (["x['a'].b", 'x["a"][0]'], 'x["a"].b makes x["a"] an object'),
        (["x", "x[0]"], "x is given as a whole and in parts"),
        (["x[0].h", "x[0]"], "x[0] is given as a whole and in parts"),
        (["x['a']", 'x["a"]'], 'x["a"] is given twice'),
        (["x[00]", "x[0]"], "x[0] is given twice"),
        (["x[5]"], "x[0] is not given"),
        (["x[2]", "x[0]"], "x[1] is not given"),
        (["x[999999999]"], "x[0] is not given"),
        (['x["a"][1]'], 'x["a"][0] is not given'),
        (["x.class"], "no attribute can be called 'class'"),
        (["x[0].None"], "'None'"),
        (["x.__class__"], "'__class__'"),
        (["x.ﬁ"], "'ﬁ'"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(names, words):
    with pytest.raises(RequestError) as refused:
        refuse_contradictions(names)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["", ""],
        ["x", "y"],
        ["x[1]", "x[0]", "y.a", "y._b", "z['class']", 'z["b"]'],
        ["x[0].h", "x[1][0]", 'x[0].c["k"]'],
        ["input.1", "input.2"],
    ],
)
def test_parts_that_go_together_are_taken(names):
    before = list(names)
    refuse_contradictions(names)
    assert names == before


def test_a_part_that_no_list_reaches_is_a_name():
    assert split_name(f"x[{'9' * 5000}]") == (f"x[{'9' * 5000}]", ())

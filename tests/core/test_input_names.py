"""Parts of arguments are named by the Python expression that reaches them, and specs read as they are written."""

import pytest

from inspector.core.errors import RequestError
from inspector.core.input_names import split_name
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

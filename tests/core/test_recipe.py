"""Specs of inputs and constructor arguments as they are typed, right and wrong; no wrong one is worse than refused."""

import math

import pytest

from inspector.core.errors import RequestError
from inspector.core.recipe import parse_arguments, parse_each, parse_input, parse_inputs, parse_target

DIGITS = "9" * 5000
"""More than Python reads or writes as an integer."""
DEEP = "(" * 5000 + ")" * 5000


@pytest.mark.parametrize(
    "spec",
    [
        DIGITS, f"1x{DIGITS}", "9223372036854775808", f"x==0x{'f' * 5000}", f"x=={DIGITS}", f"x=={DEEP}",
        "x==" + "-" * 50000, f"1x3:{DIGITS}", f"1x3~{DIGITS}", f"1x3~range(0,{DIGITS})", f"{DIGITS}=", f"{DIGITS}=1x3x",
    ],
    ids=range(12),
)  # fmt: skip
def test_a_spec_that_is_too_much_is_refused_in_few_words(spec):
    with pytest.raises(RequestError, match="--input") as refused:
        parse_input(spec)
    assert len(str(refused.value)) < 400


def test_the_longest_axis_is_the_longest_that_torch_has():
    assert parse_input("9223372036854775807").shape == [2**63 - 1]
    assert parse_input("0" * 5000 + "7x3").shape == [7, 3]


@pytest.mark.parametrize("written", ["1e999", "-1e999", "[1, 1e999]", "..."])
def test_a_value_that_python_writes_as_no_literal_stays_as_it_is_typed(written):
    assert parse_input(f"x== {written}").value == written


def test_an_infinite_value_is_infinite_when_it_is_read_again():
    spec = parse_input("x==1e999")
    assert parse_input(str(spec)) == spec
    assert float(spec.value) == math.inf


@pytest.mark.parametrize("specs", [["ids=2x3", "ids=2x4"], ["steps==5", "steps==6"], ["x=@a.pt", "1x3", "x==1"]])
def test_two_inputs_of_one_name_are_refused_on_the_command_line_and_in_the_interface(specs):
    for read in (lambda: parse_each(specs), lambda: parse_inputs("; ".join(specs))):
        with pytest.raises(RequestError, match="same name"):
            read()


def test_inputs_without_a_name_may_be_several():
    assert [spec.shape for spec in parse_each(["1x3", "1x4", "y=2"])] == [[1, 3], [1, 4], [2]]


def test_an_argument_is_given_once():
    with pytest.raises(RequestError, match="a is given twice"):
        parse_arguments("a=1, b=2, a=2")


@pytest.mark.parametrize("text", [DIGITS, f"0x{'f' * 5000}", f"a=[0x{'f' * 5000}]", DEEP, "-" * 50000 + "1", "{[]: 1}"])
def test_arguments_that_are_too_much_are_refused_in_few_words(text):
    with pytest.raises(RequestError, match="--args") as refused:
        parse_arguments(text)
    assert len(str(refused.value)) < 400


def test_an_argument_that_is_no_literal_is_named_as_it_is_typed():
    with pytest.raises(RequestError, match=r": f\( 1 \) is not a Python literal"):
        parse_arguments("3, a=f( 1 )")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("torchvision.models:resnet18", "resnet18"),
        ("torchvision.models:vgg16", "vgg16"),
        ("nets/lenet.py", "lenet"),
        ("nets/lenet.py:zoo.LeNet5", "LeNet5"),
        ("a/model.v2.onnx", "model.v2"),
        ("<LeNet>", "LeNet"),
    ],
)
def test_files_about_a_model_are_called_after_what_tells_it_from_others(target, name):
    assert parse_target(target).short_name == name

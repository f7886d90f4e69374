"""The registry against torch.nn.init itself, and the text of a call."""

import contextlib
import inspect
import math
import typing

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import init

from inspector.core.activation_gains import ACTIVATIONS
from inspector.core.errors import RequestError
from inspector.core.initialisers import INITIALISERS, InitialiserCall, parse_initialiser, refusal

OURS = {"layer_default", "lsuv", "uniform_dead_zone"}


def public_functions() -> dict[str, inspect.Signature]:
    """torch's own list, without the deprecated spellings and the gain, which fills nothing."""
    return {name: inspect.signature(getattr(init, name)) for name in init.__all__ if name.endswith("_")}


def test_the_registry_is_torch_nn_init_and_ours():
    assert set(INITIALISERS) - OURS == set(public_functions())


@pytest.mark.parametrize("name", sorted(set(INITIALISERS) - OURS))
def test_parameters_are_those_of_the_signature(name):
    expected = {
        parameter.name: (None if parameter.default is parameter.empty else parameter.default)
        for parameter in list(public_functions()[name].parameters.values())[1:]
        if parameter.name != "generator"
    }
    ours = {"fan": "effective"} if any(one.name == "fan" for one in INITIALISERS[name].parameters) else {}
    assert {one.name: one.default for one in INITIALISERS[name].parameters} == {**expected, **ours}


@pytest.mark.parametrize("parameter", ["mode", "nonlinearity"])
def test_choices_are_those_that_torch_annotates_and_our_activations(parameter):
    hints = typing.get_type_hints(init.kaiming_normal_)
    registered = {one.name: one.choices for one in INITIALISERS["kaiming_normal_"].parameters}
    ours = list(ACTIVATIONS) if parameter == "nonlinearity" else []
    assert registered[parameter] == [*typing.get_args(hints[parameter]), *ours]


@pytest.mark.parametrize("name", sorted(set(INITIALISERS) - OURS))
@pytest.mark.parametrize("shape", [(), (6,), (4, 6), (4, 6, 3), (4, 2, 3, 3), (2, 2, 2, 2, 2), (2, 2, 2, 2, 2, 2)])
def test_shapes_are_refused_where_torch_refuses_them(name, shape):
    required = {one.name: 0.5 for one in INITIALISERS[name].parameters if one.default is None}
    try:
        getattr(init, name)(torch.empty(shape), **required)
        fits = True
    except ValueError:
        fits = False
    assert (refusal(InitialiserCall(name=name, arguments=required), shape) is None) == fits


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        (
            "kaiming_normal_(mode=fan_out, nonlinearity=relu)",
            "kaiming_normal_",
            {"mode": "fan_out", "nonlinearity": "relu"},
        ),
        ("kaiming_normal(mode='fan_out')", "kaiming_normal_", {"mode": "fan_out"}),
        ('kaiming_normal( a = 0.1 , mode = "FAN_OUT" )', "kaiming_normal_", {"a": 0.1, "mode": "fan_out"}),
        ("uniform(-1, b=1e-1)", "uniform_", {"a": -1, "b": 0.1}),
        ("zeros", "zeros_", {}),
        ("zeros_()", "zeros_", {}),
        ("constant(0.5)", "constant_", {"val": 0.5}),
        ("layer_default", "layer_default", {}),
        ("uniform_dead_zone(dead=2)", "uniform_dead_zone", {"dead": 2}),
    ],
)
def test_spellings(text, name, arguments):
    assert parse_initialiser(text) == InitialiserCall(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kaming_normal", "kaiming_normal_"),
        ("normal_(sdt=1)", "std"),
        ("zeros_(1)", "no arguments"),
        ("constant_", "needs val"),
        ("normal_(std=-1)", "at least 0"),
        ("normal_(std=big)", "a finite number"),
        ("normal_(mean=inf)", "a finite number"),
        ("normal_(mean=0, 1)", "name it too"),
        ("normal_(0, mean=1)", "mean twice"),
        ("uniform_(1, 0)", "lower one"),
        ("sparse_(sparsity=1.5)", "at most 1"),
        ("dirac_(groups=1.5)", "an integer"),
        ("kaiming_normal_(nonlinearity=gleu)", "leaky_relu"),
        ("trunc_normal_(std=0.01, a=1, b=2)", "not multiples of std"),
        ("normal_(", "is not an initialiser"),
        ("", "is not an initialiser"),
    ],
)
def test_what_is_wrong_is_named(text, says):
    with pytest.raises(RequestError, match=says):
        parse_initialiser(text)


def values_of(parameter):
    if parameter.type == "choice":
        return st.sampled_from(parameter.choices)
    least, most = max(parameter.least, -1e6), min(parameter.most, 1e6)
    integers = st.integers(math.ceil(least), int(most))
    return integers if parameter.type == "integer" else integers | st.floats(least, most, allow_nan=False)


@st.composite
def calls(draw):
    known = draw(st.sampled_from(list(INITIALISERS.values())))
    given_ = [one for one in known.parameters if one.default is None or draw(st.booleans())]
    return InitialiserCall(name=known.name, arguments={one.name: draw(values_of(one)) for one in given_})


@given(calls())
def test_a_printed_call_reads_back_or_is_refused_with_a_sentence(call):
    ordered = INITIALISERS[call.name].ordered
    if ordered and call.value(ordered[0]) > call.value(ordered[1]):
        with pytest.raises(RequestError, match="lower one"):
            parse_initialiser(str(call))
    elif call.name != "trunc_normal_":
        assert parse_initialiser(str(call)) == call


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(RequestError):
        assert parse_initialiser(text).name in INITIALISERS

"""Conditions on tensors are what the same Python on numpy's numbers is, and misspelt ones say where."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.core.tensor_conditions import COUNTS, NUMBERS, OPERATORS, parse_condition


class Array:
    """A numpy array as a condition looks at it."""

    dtype, device = "float32", "cuda:0"

    def __init__(self, values):
        self.values = numpy.asarray(values, dtype=numpy.float64)
        self.shape = list(self.values.shape)

    def number(self, name):
        values, finite = self.values, self.values[numpy.isfinite(self.values)]
        known = self.values[~numpy.isnan(self.values)]
        found = {
            "nan": lambda: numpy.isnan(values).sum(),
            "inf": lambda: numpy.isinf(values).sum(),
            "absmax": lambda: numpy.abs(known).max() if known.size else None,
            "min": lambda: finite.min() if finite.size else None,
            "max": lambda: finite.max() if finite.size else None,
            "mean": lambda: finite.mean() if finite.size else None,
            "std": lambda: finite.std(ddof=1) if finite.size > 1 else None,
            "zeros": lambda: (values == 0).mean() if values.size else None,
            "elements": lambda: values.size,
            "dims": lambda: values.ndim,
        }[name]()
        return None if found is None else float(found)


X = Array([[1.0, -3.0, 0.0], [2.0, 0.0, float("nan")]])
HOLD = [
    "nan", "nan == 1", "not inf", "absmax > 2.5", "absmax >= 3", "min == -3", "max<3", "mean == 0", "zeros>0.3",
    "shape[0] == 2", "shape[-1] == 3 and dims == 2", "elements == 6", "dtype == float32", "dtype == torch.float32",
    "device != cpu", "device == cuda:0", "inf or nan", "inf and nan or nan", "not (inf or not nan)", "absmax < inf",
    "min > -1e1", "max > +.5",
]  # fmt: skip
FAIL = [
    "inf",
    "nan and inf",
    "absmax > 3",
    "shape[2] == 3",
    "shape[-3] == 2",
    "not nan",
    "dtype != float32",
    "mean > inf",
]


@pytest.mark.parametrize("text", HOLD)
def test_conditions_that_hold(text):
    assert parse_condition(text).holds(X)


@pytest.mark.parametrize("text", FAIL)
def test_conditions_that_do_not(text):
    assert not parse_condition(text).holds(X)


def test_what_is_unknown_fulfils_nothing():
    for name in set(NUMBERS) - {*COUNTS, "elements", "dims"}:
        assert not any(parse_condition(f"{name} {sign} 0").holds(Array([])) for sign in OPERATORS)


def expressions():
    names = sorted(set(NUMBERS) - {"std", "mean"})
    leaf = st.one_of(
        st.sampled_from(COUNTS).map(lambda name: (name, f"(x({name!r}) > 0)")),
        st.tuples(st.sampled_from(names), st.sampled_from(sorted(OPERATORS)), st.integers(-3, 3)).map(
            lambda one: (f"{one[0]} {one[1]} {one[2]}", f"(x({one[0]!r}) {one[1]} {one[2]})")
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda one: (
                    (f"({one[0][0]}) {one[1]} {one[2][0]}", f"(({one[0][1]}) {one[1]} {one[2][1]})")
                    if (one[1] == "and" and " or " not in one[2][0]) or one[1] == "or"
                    else (f"({one[0][0]}) and ({one[2][0]})", f"({one[0][1]} and {one[2][1]})")
                )
            ),
            inner.map(lambda one: (f"not ({one[0]})", f"(not {one[1]})")),
        ),
        max_leaves=5,
    )


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_and_or_and_not_bind_as_in_python(both):
    text, python = both
    assert parse_condition(text).holds(X) == eval(python, {"x": X.number})


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("absmax", 7, "is compared with a value"),
        ("absmax >", 9, "compared with a number"),
        ("absmax > big", 10, "compared with a number"),
        ("size > 3", 1, "'size' is none of nan, inf"),
        ("nan inf", 5, "is too much"),
        ("(nan", 5, r"a '\)' is missing"),
        ("shape == 3", 7, r"a '\[' is missing"),
        ("shape[1.5] == 3", 7, "whole number"),
        ("dtype > float32", 7, "only equal"),
        ("dtype == 16", 10, "a name such as float16"),
        ("nan and", 8, "a condition is missing"),
        ("nan & inf", 5, "'&' means nothing"),
        ("absmax > 1 if nan", 12, "is too much"),
        ("__import__(os)", 1, "is none of"),
    ],
)
def test_what_does_not_read_is_named_with_its_place(text, place, what):
    with pytest.raises(RequestError, match=f"character {place}: .*{what}"):
        parse_condition(text)

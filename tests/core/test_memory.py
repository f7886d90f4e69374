"""Sizes that are typed, and the largest batch, against counting."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.core.memory import largest_batch, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("24GiB", 24 << 30),
        ("24g", 24 << 30),
        ("24 GB", 24 * 10**9),
        ("1.5MiB", 3 << 19),
        ("700", 700),
        ("80gib", 80 << 30),
    ],
)
def test_a_size_is_read_in_both_kinds_of_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "0", "-1GiB", "24XB", "GiB", "1e3GiB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(RequestError, match="no size of memory"):
        parse_size(text)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "GiB", "9" * 5000, "99999999999TiB", "9223372036854775808"])
def test_a_size_that_no_machine_has_is_refused_in_few_words(text):
    with pytest.raises(RequestError, match="more than any machine has") as refused:
        parse_size(text)
    assert len(str(refused.value)) < 200


def test_less_than_a_byte_is_no_size():
    with pytest.raises(RequestError, match="no size of memory"):
        parse_size("0.5")


@given(fixed=st.integers(0, 10**6), each=st.integers(1, 10**5), jump=st.integers(0, 10**5), limit=st.integers(0, 10**7))
@settings(max_examples=40, deadline=None)
def test_the_largest_batch_is_found_in_few_steps(fixed, each, jump, limit):
    asked = []

    def peak(batch):
        asked.append(batch)
        return fixed + each * batch + jump * (batch // 7)

    found = largest_batch(limit, peak)
    counted = 0
    while fixed + each * (counted + 1) + jump * ((counted + 1) // 7) <= limit and counted < 3000:
        counted += 1
    if counted < 3000:
        assert found == counted
    assert len(asked) < 60

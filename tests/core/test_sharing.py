"""Sharing changes which objects there are, never what they say."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.record import Record
from inspector.core.sharing import Sharing


class Thing(Record, frozen=True, kw_only=True):
    text: str = ""
    number: int | float | bool | None = None
    many: list[int | float | bool | str] = []
    within: "Thing | None" = None


SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False)
THINGS = st.recursive(
    st.builds(Thing, text=st.text(), number=SCALARS, many=st.lists(st.integers() | st.booleans() | st.text())),
    lambda inner: st.builds(Thing, within=inner, number=SCALARS),
    max_leaves=4,
)


def exactly(value):
    """The value with the kinds of all numbers, which `==` does not tell apart: 1, 1.0 and True."""
    return repr(value)


@given(st.lists(THINGS))
def test_shared_records_say_what_they_said_before(things):
    before = [exactly(thing) for thing in copy.deepcopy(things)]
    Sharing().share(things)
    assert [exactly(thing) for thing in things] == before


def test_equal_parts_are_one_object():
    things = [Thing(text="a" * 50, many=[10**6]) for _ in range(3)]
    Sharing().share(things)
    assert len({id(thing.many) for thing in things}) == 1

"""Paths by what is typed, against the definition of a subsequence and of a prefix."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.path_lookup import SHOWN, PathLookup
from inspector.core.table import Row

PATHS = ["", "layers", "layers.0", "layers.0.attn", "layers.11", "layers.11.attn", "layers.11.mlp", "norm", "L.I\nN"]


def rows(paths) -> list[Row]:
    return [Row(index=i, parent=None, kind="module", path=path, type="T", depth=0) for i, path in enumerate(paths)]


def has_letters(path, typed) -> bool:
    rest = iter(path.casefold())
    return all(letter in rest for letter in typed.casefold())


@given(st.lists(st.text(alphabet="aB.1_é\nßİ", max_size=8), unique=True, max_size=12), st.text("ab1.éßi", max_size=4))
def test_letters_are_found_where_they_stand_in_this_order(paths, typed):
    found = PathLookup(rows(paths)).by_letters(typed)
    assert sorted(found) == [i for i, path in enumerate(paths) if typed and has_letters(path, typed)][:SHOWN]


def test_letters_at_the_beginning_of_parts_come_first():
    lookup = PathLookup(rows(PATHS))
    assert PATHS[lookup.by_letters("l11at")[0]] == "layers.11.attn"
    assert PATHS[lookup.by_letters("norm")[0]] == "norm"
    assert lookup.by_letters("q") == []


def test_a_path_or_a_number_means_its_row_before_others():
    lookup = PathLookup(rows(PATHS))
    assert lookup.by_path("layers.11")[0] == 4
    assert lookup.by_path("7")[0] == 7
    assert lookup.by_path("layers.1")[:3] == [4, 5, 6]
    assert lookup.by_path("mlp") == [6]
    assert lookup.by_path("7" * 5000) == []


def test_of_calls_of_one_module_the_first_is_meant_and_functions_are_left_out():
    again = [*rows(["", "a", "a"]), Row(index=3, parent=0, kind="function", path="a", type="relu", depth=1)]
    assert PathLookup(again).by_path("a") == [1]


def test_tab_types_what_all_agree_in_up_to_the_next_part():
    lookup = PathLookup(rows(PATHS))
    assert lookup.completed("la") == "layers"
    assert lookup.completed("layers") == "layers"
    assert lookup.completed("layers.1") == "layers.11"
    assert lookup.completed("layers.11.m") == "layers.11.mlp"
    assert lookup.completed("nothing") == "nothing"

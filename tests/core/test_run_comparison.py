"""Two passes row by row: what is compared, in which order, and what is marked."""

import math

import msgspec
import pytest
from made_reports import FINITE, report, row

from inspector.core.errors import RequestError
from inspector.core.results import RowRun
from inspector.core.run_comparison import change_text, changed_most, compared_runs, parse_other_state

NAMES = ["a", "b", "c", "d"]


def ran(std=1.0, gradient=None, **changes):
    values = msgspec.structs.replace(FINITE, std=std, min=-std, max=std, **changes)
    return RowRun(seconds=0.001, statistics=values, gradient_norm=gradient)


def passed(runs):
    rows = [msgspec.structs.replace(row(index, name), output_shapes=[[100]]) for index, name in enumerate(runs)]
    return msgspec.structs.replace(report(rows, [], []), runs=list(runs.values()))


def compared(before, after):
    return {one.path: one for one in compared_runs(passed(before), passed(after))}


def test_what_changed_most_comes_first():
    before = dict.fromkeys(NAMES, ran(gradient=1.0))
    after = {"a": ran(1.1, gradient=1.0), "b": ran(0.25, gradient=1.0), "c": ran(gradient=1.0), "d": ran(gradient=1e3)}
    found = compared(before, after)
    assert list(found) == ["d", "b", "a", "c"]
    assert found["d"].change == pytest.approx(math.log2(1e3))
    assert change_text(found["d"]) == "gradient ×1000"
    assert found["b"].quantity("rms").ratio == pytest.approx(0.25)
    assert found["b"].change == pytest.approx(2)
    assert found["c"].change == 0
    assert change_text(found["c"]) == ""
    assert [one.path for one in changed_most(list(found.values()))] == ["d", "b", "a"]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (ran(), ran(nan=3), "not finite after"),
        (ran(inf=1), ran(), "not finite before"),
        (ran(), ran(0.0, zeros=1.0), "all zero after"),
        (ran(gradient=0.0), ran(gradient=1.0), "gradient 0 before"),
    ],
)
def test_what_no_ratio_can_say_is_said_and_comes_first(before, after, why):
    found = compared({"a": ran(), "b": before}, {"a": ran(1e6), "b": after})
    assert list(found) == ["b", "a"]
    assert found["b"].change is None
    assert change_text(found["b"]) == why


def test_dying_units_are_a_change_of_the_others_share():
    found = compared({"a": ran(zeros=0.5)}, {"a": ran(zeros=0.9375)})
    assert found["a"].change == pytest.approx(3)
    assert change_text(found["a"]) == "zeros 50 % → 93.8 %"


def test_rows_of_one_pass_alone_come_last_and_are_not_marked():
    found = compared({"a": ran(), "b": ran()}, {"a": ran(2.0), "z": ran()})
    assert {path: one.why for path, one in found.items()} == {"a": "", "b": "only before", "z": "only after"}
    assert found["b"].after_row is None
    assert found["z"].row is None
    assert [one.path for one in changed_most(list(found.values()))] == ["a"]


def test_rows_that_hold_others_are_not_marked():
    before, after = passed({"a": ran(), "b": ran()}), passed({"a": ran(4.0), "b": ran(4.0)})
    whole = msgspec.structs.replace(before.table.rows[0], subtree=2)
    before = msgspec.structs.replace(
        before, table=msgspec.structs.replace(before.table, rows=[whole, before.table.rows[1]])
    )
    after = msgspec.structs.replace(
        after, table=msgspec.structs.replace(after.table, rows=[whole, after.table.rows[1]])
    )
    assert [one.path for one in changed_most(compared_runs(before, after))] == ["b"]


def test_states_are_words_or_files():
    kinds = {text: parse_other_state(text).kind for text in ("train", "eval", "float16", "init", "train.pt", "./init")}
    assert kinds == {
        "train": "mode", "eval": "mode", "float16": "dtype", "init": "init", "train.pt": "file", "./init": "file",
    }  # fmt: skip
    with pytest.raises(RequestError, match="is empty"):
        parse_other_state(" ")

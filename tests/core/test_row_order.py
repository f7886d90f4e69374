"""Sorted rows: each still below what holds it, siblings in the order of their numbers."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.row_facts import RowFacts
from inspector.core.row_order import sorted_rows
from inspector.core.table import ModelInfo, ModelTable, Row

NESTINGS = st.recursive(st.integers(0, 5), lambda inner: st.lists(inner, max_size=4), max_leaves=20)


def table(nesting) -> ModelTable:
    rows: list[Row] = []

    def add(node, parent, depth):
        index = len(rows)
        rows.append(None)
        for child in node if isinstance(node, list) else []:
            add(child, index, depth + 1)
        cost = node if isinstance(node, int) else len(node)
        rows[index] = Row(index=index, parent=parent, kind="module", path=str(index), name=f"n{cost}", type="T",
                          depth=depth, subtree=len(rows) - index, parameters=cost,
                          flops=cost if cost % 2 else None)  # fmt: skip

    add(nesting, None, 0)
    return ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py"), rows=rows)


def expected(rows, index, by) -> list[int]:
    below = sorted((row for row in rows if row.parent == index), key=by)
    return [index, *(one for child in below for one in expected(rows, child.index, by))]


@given(NESTINGS, st.booleans())
def test_siblings_are_sorted_and_stay_below_their_parent(nesting, descending):
    told = table(nesting)
    facts = RowFacts(told)
    sign = -1 if descending else 1
    assert sorted_rows(facts, "params", descending) == expected(told.rows, 0, lambda row: sign * row.parameters)
    last = float("inf")
    by_flops = expected(told.rows, 0, lambda row: last if row.flops is None else sign * row.flops)
    assert sorted_rows(facts, "flops", descending) == by_flops
    assert sorted_rows(facts, "order", False) == [row.index for row in told.rows]


def test_names_are_sorted_as_people_count():
    rows = [Row(index=0, parent=None, kind="module", path="", type="N", depth=0, subtree=4)]
    rows += [
        Row(index=i, parent=0, kind="module", path=name, name=name, type="T", depth=1)
        for i, name in enumerate(["layer10", "layer2", "a"], 1)
    ]
    facts = RowFacts(ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py"), rows=rows))
    assert sorted_rows(facts, "name", False) == [0, 3, 2, 1]

"""Shares of a module's parts: the longest bar for the largest, none for what is not known."""

import msgspec
from fake_client import lenet

from inspector.core.results import ForwardReport, RowRun
from inspector.tui.page import Page
from inspector.tui.share_bars import parameter_and_operation_shares, parts_of, time_shares


def lines_of(draw, *of):
    page = Page()
    draw(page, *of)
    return page.content(80).plain.splitlines()


def test_the_parts_of_a_module_are_its_children_not_theirs():
    table = lenet()
    inner = [msgspec.structs.replace(row, subtree=3 if row.index == 1 else row.subtree) for row in table.rows]
    table = msgspec.structs.replace(table, rows=inner)
    assert [part.index for part in parts_of(table, table.rows[0])] == [1, 4, 5]


def test_bars_are_as_long_as_the_shares():
    table = lenet()
    lines = lines_of(parameter_and_operation_shares, table, table.rows[0])
    assert [line.split()[-1] for line in lines[1:]] == ["fc", "conv1"]
    bars = [line.count("█") for line in lines[1:]]
    assert bars[0] == 30
    assert bars[1] == 30 * 456 // 11770


def test_without_known_operations_there_are_no_bars_for_them():
    table = lenet()
    assert "Operations" not in "\n".join(lines_of(parameter_and_operation_shares, table, table.rows[0]))
    assert lines_of(parameter_and_operation_shares, table, table.rows[1]) == []


def test_of_many_parts_the_largest_are_drawn_and_the_others_counted():
    table = lenet()
    root, conv = table.rows[:2]
    rows = [msgspec.structs.replace(conv, index=at, name=f"part{at}", parameters=at) for at in range(1, 21)]
    table = msgspec.structs.replace(table, rows=[msgspec.structs.replace(root, subtree=21), *rows])
    lines = lines_of(parameter_and_operation_shares, table, table.rows[0])
    assert [line.split()[-1] for line in lines[1:-1]] == [f"part{at}" for at in range(20, 12, -1)]
    assert lines[-1] == "and 12 smaller"


def test_time_goes_to_functions_too():
    table = lenet()
    runs = [RowRun(seconds=0.001 * (at + 1)) for at in range(len(table.rows))]
    lines = lines_of(time_shares, table, table.rows[0], ForwardReport(table=table, runs=runs, seconds=1.0))
    assert [line.split()[-1] for line in lines[1:]] == ["fc", "view", "max_pool2d", "relu", "conv1"]
    assert "6.00 ms" in lines[1]

"""The tree's column of operations."""

import msgspec
import pytest
from fake_client import lenet
from screen_text import session

from inspector.core.drawn_bars import share_bar


def costing(flops):
    table = lenet()
    rows = [msgspec.structs.replace(row, flops=one) for row, one in zip(table.rows, flops, strict=True)]
    return msgspec.structs.replace(table, rows=rows, totals=msgspec.structs.replace(table.totals, flops=flops[0]))


@pytest.mark.parametrize(
    ("share", "bar"), [(0, ""), (1e-9, "▏"), (0.25, "█▎"), (0.5, "██▌"), (0.999, "█████"), (1.0, "█████")]
)
def test_a_share_is_drawn_in_eighths_of_a_cell(share, bar):
    assert share_bar(share, 5) == bar


def test_without_room_there_is_no_bar():
    assert share_bar(1.0, 0) == ""


@pytest.mark.slow
async def test_operations_have_a_column_with_shares_where_there_is_room():
    table = costing([1000, 750, None, 0, None, 250])
    async with session(table, size=(160, 45)) as ui:
        lines = (await ui.press("z")).splitlines()[1:]
        assert "flops" in lines[1]
        assert "1.00 k █████" in lines[2]
        assert "750 ███▊" in lines[3]
        assert "250 █▎" in lines[7]
        at = lines[1].index("flops")
        assert lines[4][at - 2 : at + 12].strip() == "", "what is not counted is left empty, not 0"
        assert lines[5][at : at + 5].strip() == "0"


@pytest.mark.slow
async def test_nothing_counted_takes_no_room():
    async with session(size=(160, 45)) as ui:
        assert "flops" not in await ui.press("z")

"""A histogram in eight cells, and where the tree draws it."""

import msgspec
import pytest
from fake_client import STATISTICS, FakeClient, lenet
from screen_text import session

from inspector.core.results import ForwardReport, Histogram, RowRun, Statistics
from inspector.tui.sparklines import sparkline
from inspector.worker import protocol

HEIGHTS = " ▁▂▃▄▅▆▇█"


def drawn(counts):
    edges = [float(edge) for edge in range(len(counts) + 1)]
    return sparkline(msgspec.structs.replace(STATISTICS, histogram=Histogram(edges=edges, counts=counts)))


@pytest.mark.parametrize("bins", [8, 32, 64])
def test_the_heights_are_those_of_the_sums(bins):
    counts = [1 + cell for cell in range(8) for _ in range(bins // 8)]
    assert drawn(counts) == HEIGHTS[1:]


def test_a_single_value_is_a_peak_in_the_middle():
    assert drawn([0] * 16 + [7] + [0] * 15) == "   █    "


def test_outliers_stay_visible_and_empty_ends_do_not_take_room():
    assert drawn([0] * 20 + [1, 0, 0, 0, 100_000, 0, 0, 1] + [0] * 30) == "▁   █  ▁"


def test_what_has_no_finite_value_says_so():
    nothing = Statistics(mean=None, std=None, min=None, max=None, zeros=0.0)
    assert sparkline(msgspec.structs.replace(nothing, nan=3)) == "NaN"
    assert sparkline(msgspec.structs.replace(nothing, inf=3)) == "Inf"
    assert sparkline(nothing) == ""


def client():
    table = lenet()
    made = FakeClient(table)
    values = msgspec.structs.replace(STATISTICS, histogram=Histogram(edges=[0.0, 1.0, 2.0], counts=[1, 8]))
    made.answers[protocol.Forward] = ForwardReport(
        table=table, runs=[RowRun(seconds=0.1, statistics=values) for _ in table.rows], seconds=0.1
    )
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("size", "unasked"), [((80, 24), False), ((120, 40), False), ((160, 45), True)])
async def test_the_tree_draws_them_where_there_is_room_or_they_are_asked_for(size, unasked):
    async with session(client=client(), size=size) as ui:
        assert "▁▁▁▁████" not in ui.text
        assert "no pass has run" in await ui.press("T")
        assert ("▁▁▁▁████" in await ui.press("f", "enter")) == unasked
        assert ("▁▁▁▁████" in await ui.press("T")) != unasked
        assert ("▁▁▁▁████" in await ui.press("T")) == unasked


@pytest.mark.slow
async def test_a_terminal_that_grows_gets_them():
    async with session(client=client(), size=(120, 40)) as ui:
        assert "▁▁▁▁████" not in await ui.press("f", "enter")
        await ui.pilot.resize_terminal(170, 45)
        await ui.until(lambda: "▁▁▁▁████" in ui.text, "the outputs are drawn")


@pytest.mark.slow
async def test_values_that_are_not_finite_are_told_without_colours_too():
    table = lenet()
    bad = client()
    spread = msgspec.structs.replace(STATISTICS, nan=1, histogram=Histogram(edges=[0.0, 1.0, 2.0], counts=[8, 8]))
    bad.answers[protocol.Forward] = ForwardReport(
        table=table, runs=[RowRun(seconds=0.1, statistics=spread) for _ in table.rows], seconds=0.1
    )
    async with session(client=bad, size=(160, 45)) as ui:
        assert "███████!" in await ui.press("f", "enter")

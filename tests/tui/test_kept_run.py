"""A run kept as before, and the next ones beside it."""

import msgspec
import pytest
from fake_client import STATISTICS, FakeClient, lenet
from screen_text import session

from inspector.core.results import ForwardReport, RowRun
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def passed(table, **changed):
    """A pass in which the second row, conv1, has other statistics."""
    runs = [RowRun(seconds=0.001, self_seconds=0.001, statistics=STATISTICS) for _ in table.rows]
    runs[1] = msgspec.structs.replace(runs[1], statistics=msgspec.structs.replace(STATISTICS, **changed))
    return ForwardReport(table=table, runs=runs, seconds=0.01)


def client_with(report):
    client = FakeClient(report.table)
    client.answers[protocol.Forward] = report
    return client


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_before_and_after_are_columns_until_the_run_is_dropped(size):
    table = lenet()
    client = client_with(passed(table))
    async with session(client=client, size=size) as ui:
        assert "no pass has run" in await ui.press("K")
        assert "no run is kept" in await ui.press("U")
        assert "kept as before" in await ui.press("f", "enter", "K")
        assert "rms before" not in ui.text
        client.answers[protocol.Forward] = passed(table, std=0.8, mean=0.0024, min=-3.0, max=4.0)
        text = await ui.press("f", "enter")
        assert "1 row marked as changed most" in text
        assert "rms before" in text
        (marked,) = [line for line in text.splitlines() if "◀" in line]
        assert "conv1" in marked
        assert "×2 ◀" in marked
        text = await ui.press("down")
        if size == (160, 45):
            assert "Before | after" in text
            assert "2 | 4" in text
        text = await ui.press("U")
        assert "rms before" not in text
        assert "mean" in text


async def test_what_is_not_finite_any_more_is_said_first():
    table = lenet()
    client = client_with(passed(table))
    async with session(client=client, size=(160, 45)) as ui:
        await ui.press("f", "enter", "K")
        client.answers[protocol.Forward] = passed(table, nan=5)
        text = await ui.press("f", "enter")
        assert "not finite after ◀" in text
        assert "conv1 (Conv2d): not finite after" in text


async def test_an_equal_run_says_that_nothing_changed():
    table = lenet()
    client = client_with(passed(table))
    async with session(client=client, size=(120, 40)) as ui:
        await ui.press("f", "enter", "K")
        client.answers[protocol.Forward] = passed(table)
        text = await ui.press("f", "enter")
        assert "no row changed by 5 % or more" in text
        assert "◀" not in text


async def test_opening_anew_forgets_the_run():
    table = lenet()
    async with session(client=client_with(passed(table))) as ui:
        await ui.press("f", "enter", "K", "R", "f", "enter")
        assert ui.app.kept is None
        assert "rms before" not in ui.text

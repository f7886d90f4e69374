"""The list of a pass: which columns there are, and that no number in them is cut."""

import msgspec
import pytest
from fake_client import STATISTICS, FakeClient, lenet
from screen_text import session

from inspector.core.results import ForwardReport, RowRun
from inspector.worker import protocol

pytestmark = pytest.mark.slow

ORDER = ["row", "mean", "std", "min", "max", "zeros", "NaN, Inf", "time", "grad norm"]


def client_with(gradients=False, **changed):
    """A client whose pass has these statistics in its second row."""
    table = lenet()
    runs = [
        RowRun(seconds=0.001, self_seconds=0.001, statistics=STATISTICS, gradient_norm=0.25 if gradients else None)
        for _ in table.rows
    ]
    runs[1] = msgspec.structs.replace(runs[1], statistics=msgspec.structs.replace(STATISTICS, **changed))
    client = FakeClient(table)
    client.answers[protocol.Forward] = ForwardReport(table=table, runs=runs, seconds=0.01)
    return client


def list_lines(ui):
    left, top, width, height = ui.app.side.query_one("#runs").region
    return [line[left : left + width] for line in ui.text.splitlines()[top : top + height]]


def titles(line):
    return [title for title in ORDER if title in line]


@pytest.mark.parametrize("gradients", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("faulty", [False, True], ids=["finite", "nan"])
@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 40), (160, 45)])
async def test_columns_are_whole_and_the_important_ones_stay(size, faulty, gradients):
    changes = {"nan": 7} if faulty else {}
    async with session(client=client_with(gradients, **changes), size=size) as ui:
        await ui.press("f", "enter")
        head, *rows = list_lines(ui)
        shown = titles(head)
        assert head.split() == " ".join(shown).split()
        assert ("NaN, Inf" in shown) == faulty
        assert ("min" in shown) == ("max" in shown)
        assert "time" in shown
        assert "mean" in shown
        if size == (80, 24):
            assert len([row for row in rows if row.strip()]) >= 5
            assert ("min" in shown) or faulty or gradients


async def test_the_longest_numbers_are_shown_whole():
    async with session(client=client_with(mean=-1.234e-05, min=-9.876e-11), size=(80, 24)) as ui:
        await ui.press("f", "enter")
        text = "\n".join(list_lines(ui))
        assert "−1.234e-05" in text
        assert "−9.876e-11" in text


async def test_it_is_walked_while_the_tree_hides_functions():
    async with session() as ui:
        await ui.press("v", "f", "enter", "5", "tab")
        runs = ui.app.side.query_one("#runs")
        seen = []
        for _ in range(5):
            await ui.press("down")
            seen.append((runs.row_at, ui.app.row.index))
        assert seen == [(1, 1), (2, 0), (3, 0), (4, 0), (5, 5)]
        await ui.press("tab", "home")
        assert runs.row_at == 0

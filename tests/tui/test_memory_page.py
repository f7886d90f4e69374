"""Figures of memory in the interface: what is asked for, and where they are shown."""

import pytest
from fake_client import FakeClient, lenet, memory
from screen_text import session
from textual.widgets import Select

from inspector.core.memory import MemorySettings
from inspector.core.recipe import InputSpec
from inspector.tui.memory_page import model_memory, row_memory
from inspector.tui.page import Page
from inspector.worker import protocol


def text_of(write, *arguments, width=60):
    page = Page()
    write(page, *arguments)
    return page.content(width).plain


def test_the_parts_of_a_peak_have_bars_as_long_as_their_shares():
    table = lenet()
    report = memory(MemorySettings(batch=100), len(table.rows))
    lines = text_of(model_memory, report, table, width=0).splitlines()
    bars = {line.split()[-1]: line.count("█") for line in lines if "█" in line}
    assert bars["inputs"] / bars["space"] == pytest.approx(12288 / 37632, abs=0.1)
    assert "backward pass of conv1 (Conv2d)" in "\n".join(lines)


@pytest.mark.parametrize("width", [24, 40, 80])
def test_the_page_fits_its_width(width):
    table = lenet()
    lines = text_of(model_memory, memory(MemorySettings(), len(table.rows)), table, width=width).splitlines()
    assert max(len(line) for line in lines if "█" in line or "▏" in line) <= max(width, 52)


def test_a_row_tells_what_it_keeps_and_that_most_is_in_use_there():
    table = lenet()
    report = memory(MemorySettings(), len(table.rows))
    assert "15.0 KiB for backward, 50 % of all" in text_of(row_memory, report, table.rows[2], width=200)
    assert "of training" in text_of(row_memory, report, table.rows[1])
    assert text_of(row_memory, report, table.rows[5]) == ""


@pytest.mark.slow
async def test_memory_asks_for_batch_dtype_and_optimizer_and_shows_the_peaks():
    async with session(size=(80, 24)) as ui:
        await ui.press("down", "B")
        await ui.write("batch", "64")
        await ui.write("limit", "24GiB")
        ui.app.screen.query_one("#dtype", Select).value = "bfloat16"
        ui.app.screen.query_one("#optimizer", Select).value = "sgd"
        await ui.press("enter")
        request = ui.client.asked_for(protocol.Memory)[0]
        assert request.settings == MemorySettings(
            inputs=[InputSpec(name="x", shape=[1, 3, 32, 32])],
            batch=64, dtype="bfloat16", optimizer="sgd", limit=24 << 30,
        )  # fmt: skip
        assert "x 64×3×32×32, bfloat16, SGD with momentum" in ui.text
        assert "in the backward pass of conv1" in ui.text
        await ui.press("B")
        assert "64" in ui.text
        assert "24GiB" in ui.text


@pytest.mark.slow
async def test_a_size_that_is_none_stays_in_the_dialog_and_figures_go_with_a_change():
    async with session(size=(160, 45)) as ui:
        await ui.press("B")
        await ui.write("limit", "much")
        assert "'much' is no size of memory" in await ui.press("enter")
        assert not ui.client.asked_for(protocol.Memory)
        await ui.write("limit", "")
        assert "Not in these figures" in await ui.press("enter")
        assert "Not in these figures" not in await ui.press("M")


@pytest.mark.slow
async def test_the_memory_section_on_a_small_terminal_comes_first():
    async with session(size=(80, 24), client=FakeClient()) as ui:
        assert "Memory" in await ui.press("B", "enter")

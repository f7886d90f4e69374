"""The screen with rows by how much the output changes without them."""

import pytest
from screen_text import session

from inspector.worker import protocol

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_rows_are_ranked_with_their_effect_and_what_went_wrong(size):
    async with session(size=size) as ui:
        text = await ui.press("A")
        lines = text.splitlines()
        first, second, third = (
            next(line for line in lines if name in line)
            for name in ("fc (Linear)", "the model relu, 2 c", "gone.[red]")
        )
        assert lines.index(first) < lines.index(second) < lines.index(third)
        assert first.count("█") == 4 * second.count("█")
        assert "zero" in first or size[0] == 80
        assert "?" in third
        assert "RuntimeError: [/]" in third
        assert "3 rows more were not tried" in text


async def test_enter_goes_to_the_row_and_esc_stays():
    async with session() as ui:
        await ui.press("A", "escape")
        assert ui.app.row.path == ""
        await ui.press("A", "down", "enter")
        assert ui.app.row.type == "relu"
        assert not ui.app.screen.is_modal


async def test_a_row_that_the_table_does_not_have_is_not_gone_to():
    async with session() as ui:
        await ui.press("down", "A", "end", "enter")
        assert ui.app.row.path == "conv1"


async def test_it_takes_the_inputs_chosen():
    async with session() as ui:
        await ui.press("t")
        await ui.write("specs", "x=2x3x32x32")
        await ui.press("enter", "A")
        (asked,) = ui.client.asked_for(protocol.Ablate)
        assert [str(one) for one in asked.settings.inputs] == ["x=2x3x32x32"]


async def test_a_key_switches_the_rows_off_the_next_way():
    async with session() as ui:
        assert "b switches off by zero" in await ui.press("A")
        await ui.press("b")
        assert "b switches off by identity" in await ui.press("b")
        assert [asked.settings.by for asked in ui.client.asked_for(protocol.Ablate)] == [None, "zero", "mean"]

"""The what-if dialog: fields, an answer with every edit, settings found at one key, nothing ever applied."""

import msgspec
import pytest
from fake_client import FakeClient, lenet
from screen_text import session

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure
from inspector.core.what_if import RowChange, Settings, WhatIfReport
from inspector.tui.what_if_page import what_if_page
from inspector.worker import protocol

pytestmark = pytest.mark.slow
NOW = Settings(kernel=[5, 5], stride=[1, 1], padding=[0, 0], dilation=[1, 1], out_channels=6)


def answer(request: protocol.WhatIf) -> WhatIfReport:
    """conv1 as it is, or with the rows that another stride changes: those of the engine on such a model."""
    settings = request.proposal.settings or NOW
    failure = Failure(
        path="fc", type="RuntimeError", message="mat1 and mat2", explanation="fc takes 1176 features but gets 294",
        suggestions=["build fc with in_features=294"],
    )  # fmt: skip
    changed = [
        RowChange(
            kind="module", path="conv1", type="Conv2d", call=0, before=[[1, 6, 28, 28]], after=[[1, 6, 14, 14]]
        ),
        RowChange(
            kind="module", path="fc", type="Linear", call=0, before=[[1, 10]], after=[], failure=failure, assumed=True
        ),
    ]  # fmt: skip
    differs = settings != NOW
    return WhatIfReport(
        operation="conv", now=NOW, settings=settings, input_shape=[1, 3, 32, 32], before=[1, 6, 28, 28],
        after=[1, 6, 14, 14] if differs else [1, 6, 28, 28], formula=lenet().rows[1].formula or [],
        parameters_before=456, parameters_after=456, rows=changed if differs else [], unchanged=4, complete=True,
        inputs=request.proposal.inputs or [InputSpec(shape=[1, 3, 32, 32])],
    )  # fmt: skip


def asking() -> FakeClient:
    client = FakeClient()
    client.answers[protocol.WhatIf] = answer
    return client


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_every_edit_is_answered_and_nothing_is_applied(size):
    async with session(client=asking(), size=size) as ui:
        await ui.press("down", "w")
        for fact in ("What if: conv1", "kernel", "channels out", "No row would change", "1x3x32x32"):
            assert fact in ui.text
        await ui.write("stride", "2")
        assert ui.client.asked_for(protocol.WhatIf)[-1].proposal.settings == msgspec.structs.replace(NOW, stride=[2, 2])
        for fact in ("1×6×28×28 → 1×6×14×14", "1 row would not fit", "✗ fc", "gets 294", "in_features=294"):
            assert fact in ui.text
        await ui.write("inputs", "2x3x40x40")
        assert ui.client.asked_for(protocol.WhatIf)[-1].proposal.inputs == [InputSpec(shape=[2, 3, 40, 40])]
        await ui.press("enter")
        assert not ui.app.screen.is_modal
        assert not ui.client.asked_for(protocol.Apply)
        assert not ui.client.journal.done


async def test_escape_undoes_the_field_and_then_leaves():
    async with session(client=asking()) as ui:
        await ui.press("down", "w", "7")
        field = ui.app.screen.query_one("#kernel")
        assert field.value != "5"
        await ui.press("escape")
        assert field.value == "5"
        await ui.press("escape")
        assert not ui.app.screen.is_modal


async def test_settings_found_at_one_key():
    async with session(client=asking()) as ui:
        await ui.press("down", "w", "ctrl+k")
        assert ui.client.asked_for(protocol.WhatIf)[-1].proposal.settings.padding == [2, 2]
        await ui.press("ctrl+t")
        found = ui.client.asked_for(protocol.WhatIf)[-1].proposal.settings
        assert (found.stride, found.padding) == ([2, 2], [2, 2])
        assert "no padding keeps the size" in await ui.press("ctrl+k")


async def test_settings_found_by_a_click():
    async with session(client=asking()) as ui:
        await ui.press("down", "w")
        for button, padding in (("#keep", "2"), ("#two", "2")):
            await ui.pilot.click(button)
            await ui.until(lambda padding=padding: ui.app.screen.query_one("#padding").value == padding, "it is found")
            assert ui.app.screen.is_modal
        assert ui.app.screen.query_one("#stride").value == "2"


async def test_what_does_not_read_is_explained_and_not_asked():
    async with session(client=asking()) as ui:
        await ui.press("down", "w")
        asked = len(ui.client.asked_for(protocol.WhatIf))
        await ui.write("stride", "fast")
        assert "whole numbers" in ui.text
        assert len(ui.client.asked_for(protocol.WhatIf)) == asked


async def test_of_several_edits_while_an_answer_is_under_way_the_last_is_asked():
    async with session(client=asking()) as ui:
        await ui.press("down", "w")
        asked = len(ui.client.asked_for(protocol.WhatIf))
        ui.client.gate.clear()
        for value in ("2", "3", "4"):
            ui.app.screen.query_one("#stride").value = value
            await ui.pilot.pause()
        ui.client.gate.set()
        await ui.press("f12")
        strides = [one.proposal.settings.stride for one in ui.client.asked_for(protocol.WhatIf)[asked:]]
        assert strides == [[2, 2], [4, 4]]


async def test_a_refusal_is_said_where_the_answer_would_be_or_before_the_dialog():
    async with session(client=asking()) as ui:
        await ui.press("down", "w")
        ui.client.answers[protocol.WhatIf] = RequestError("out_channels=7 is not a multiple of the 2 groups")
        await ui.write("out_channels", "7")
        assert "multiple of the 2 groups" in ui.text
        await ui.press("escape", "escape")
        await ui.press("w")
        assert "This could not be done" in ui.text


async def test_a_row_without_a_window_says_so():
    async with session(client=asking()) as ui:
        assert "choose the row of a convolution or a pooling" in await ui.press("w")
        assert not ui.client.asked_for(protocol.WhatIf)


def test_a_page_of_settings_that_do_not_fit():
    request = protocol.WhatIf(proposal=msgspec.convert({"path": "conv1"}, protocol.Proposal))
    report = msgspec.structs.replace(answer(request), after=None, complete=False)
    text = what_if_page(report).content(46).plain
    assert "does not fit" in text
    assert "What comes after is not known" in text

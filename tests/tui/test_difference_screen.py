"""Comparing with another file or model: asked for, shown side by side, kept, and left to a tensor."""

import msgspec
import pytest
from fake_client import FakeClient, difference
from screen_text import session

from inspector.core.differences import Aligned, DiffReport
from inspector.core.errors import RequestCancelledError, RequestError
from inspector.tui.difference_list import DifferenceList
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def keys_on_show(ui) -> list[tuple[str, ...]]:
    rows = ui.app.screen.query_one(DifferenceList)
    report = ui.app.difference.report
    return [(*report.rows[at].keys_a, *report.rows[at].keys_b) for at in rows.lines()]


async def compare(ui, target="b.pt") -> str:
    await ui.press("D")
    await ui.write("target", target)
    return await ui.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_both_sides_are_shown_the_largest_change_first(size):
    async with session(size=size) as ui:
        text = await compare(ui)
        assert [one.other for one in ui.client.asked_for(protocol.Diff)] == ["b.pt"]
        assert [keys[0] for keys in keys_on_show(ui)] == [
            "fc.bias", "fc.weight", "conv1.weight", "gone", "extra.[bold red]", "meta", "conv1.bias", "same",
        ]  # fmt: skip
        for fact in ("1 shape differs", "2 changed", "A lenet.py with lenet.params", "B b.pt", "[bold red]", "0.125"):
            assert fact in text
        assert "only its shape speaks for it" in text
        text = await ui.press("down")
        assert "B  10×1176 float32  fc.q + fc.k" in text
        assert "relative 0.5" in text


async def test_order_and_state_are_toggled_and_kept_while_one_is_away():
    async with session() as ui:
        await compare(ui)
        await ui.press("o")
        assert [keys[0] for keys in keys_on_show(ui)][:3] == ["conv1.weight", "conv1.bias", "extra.[bold red]"]
        await ui.press("s", "s")
        assert keys_on_show(ui) == [("conv1.weight", "conv1.weight"), ("fc.weight", "fc.q", "fc.k")]
        await ui.press("down", "escape")
        assert not ui.app.screen.is_modal
        await ui.press("D")
        assert ui.app.screen.query_one(DifferenceList).current.keys_a == ["fc.weight"]
        assert len(ui.client.asked_for(protocol.Diff)) == 1
        await ui.press("S", "S")
        assert len(keys_on_show(ui)) == 8


async def test_enter_goes_to_the_tensors_values():
    async with session() as ui:
        await compare(ui)
        await ui.press("down", "enter")
        assert not ui.app.screen.is_modal
        assert ui.app.row.path == "fc"
        assert ui.app.side.current == "values"
        assert ui.client.asked_for(protocol.Values)[-1].key == "fc.weight"


async def test_what_only_the_other_side_has_is_nowhere_to_go_to():
    async with session() as ui:
        await compare(ui)
        text = await ui.press("end", "s", "s", "s", "s", "enter")
        assert keys_on_show(ui) == [("extra.[bold red]",)]
        assert "nothing there to go to" in text


async def test_a_model_is_read_in_a_worker_of_its_own():
    async with session() as ui:
        await compare(ui, "other.py:Net")
        (other,) = ui.client.others
        assert [type(one) for one in other.asked] == [protocol.Open, protocol.Save]
        assert other.asked[0].recipe.target == "other.py:Net"
        assert other.closed
        assert ui.client.asked_for(protocol.Diff)[0].other == other.asked[1].path


async def test_a_model_that_does_not_open_ends_the_comparison():
    async with session() as ui:
        made = ui.client.beside

        def refusing(recipe):
            other = made(recipe)
            other.answers[protocol.Open] = RequestError("there is no class Net")
            return other

        ui.client.beside = refusing
        assert "there is no class Net" in await compare(ui, "other.py:Net")
        assert ui.client.others[0].closed
        assert not ui.client.asked_for(protocol.Diff)


async def test_cancelling_reaches_the_worker_that_is_asked():
    async with session() as ui:
        made = ui.client.beside

        def waiting(recipe):
            other = made(recipe)
            other.gate.clear()
            return other

        ui.client.beside = waiting
        await ui.press("D")
        await ui.write("target", "other.py")
        await ui.pilot.press("enter")
        await ui.until(lambda: bool(ui.client.others and ui.client.others[0].asked), "the other is asked")
        await ui.pilot.press("escape")
        await ui.until(lambda: ui.client.others[0].cancelled == 1, "the other is cancelled")
        assert ui.client.cancelled == 0
        ui.client.others[0].answers[protocol.Open] = RequestCancelledError("cancelled")
        ui.client.others[0].gate.set()
        assert "cancelled" in await ui.press("f12")
        assert ui.app.difference is None


async def test_a_change_of_the_model_forgets_the_comparison():
    async with session() as ui:
        await compare(ui)
        await ui.press("escape", "M")
        assert ui.app.difference is None
        assert "Compare with" in await ui.press("D")


async def test_another_can_be_asked_for():
    async with session() as ui:
        await compare(ui)
        assert "Compare with" in await ui.press("D")
        await ui.write("target", "c.pt")
        await ui.press("enter")
        assert [one.other for one in ui.client.asked_for(protocol.Diff)] == ["b.pt", "c.pt"]
        assert "B c.pt" in ui.text


@pytest.mark.parametrize(
    ("target", "arguments", "wrong"),
    [
        ("", "", "nothing is named"),
        ("x.onnx", "3", "takes no constructor arguments"),
        ("b.pt", "3", "takes no constructor arguments"),
    ],
)
async def test_what_cannot_be_compared_is_said_in_the_dialog(target, arguments, wrong):
    async with session() as ui:
        await ui.press("D")
        await ui.write("target", target)
        await ui.write("arguments", arguments)
        assert wrong in await ui.press("enter")
        assert not ui.client.asked_for(protocol.Diff)


@pytest.mark.parametrize("name", ["[bold red]", "new\nline", "k" * 300, "[/]", "\x1b[2J", "日本語"])
async def test_any_name_is_drawn_as_it_is(name):
    client = FakeClient()
    row = msgspec.structs.replace(difference().rows[0], keys_a=[name], keys_b=[f"module.{name}"])
    client.answers[protocol.Diff] = msgspec.structs.replace(difference(), rows=[row, difference().rows[2]])
    async with session(client=client, size=(160, 45)) as ui:
        text = await compare(ui, name or "b.pt")
        for line in text.splitlines():
            assert line.isprintable()
        if name.startswith("["):
            assert text.count(name) >= 4
        await ui.press("enter")
        assert ui.app.is_running


async def test_a_hundred_thousand_rows_scroll():
    rows = [
        Aligned(keys_a=[f"layers.{at}.weight"], keys_b=[f"layers.{at}.weight"], shape_a=[4], shape_b=[4],
                dtype_a="float32", dtype_b="float32", equal=False, max_abs=1.0, relative=1 / (at + 1), cosine=0.0)
        for at in range(100_000)
    ]  # fmt: skip
    client = FakeClient()
    client.answers[protocol.Diff] = DiffReport(rows=rows)
    async with session(client=client) as ui:
        assert "layers.0.weight" in await compare(ui)
        assert "layers.99999.weight" in await ui.press("end")
        built = ui.app.screen.query_one(DifferenceList)._strips
        assert len(built) < 200

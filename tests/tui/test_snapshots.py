"""Pictures of still screens, at the three sizes that matter."""

import pytest
from fake_client import FakeClient, lenet, recipe

from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle


def after(*keys):
    async def run_before(pilot):
        await settle(pilot.app, pilot, seconds=20)
        for key in keys:
            await pilot.press(key)
            await settle(pilot.app, pilot, seconds=20)

    return run_before


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_main_screen(snap_compare, size):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=size, run_before=after("down"))


def test_a_pass_that_failed(snap_compare):
    app = NNInspectApp(FakeClient(lenet(failed=True)), recipe())
    assert snap_compare(app, terminal_size=(120, 40), run_before=after())


def test_the_initialise_dialog_on_a_small_terminal(snap_compare):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("down", "i"))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("keys", [("tab", "shift+left"), ("F",)], ids=["picture", "chart"])
def test_the_receptive_field(snap_compare, size, keys):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=size, run_before=after("down", "down", "down", "7", *keys))


def test_a_run(snap_compare):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("f", "enter"))


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_comparison(snap_compare, size):
    app = NNInspectApp(FakeClient(), recipe())
    keys = after("C", *"b.pt", "enter", "down")
    assert snap_compare(app, terminal_size=size, run_before=keys)

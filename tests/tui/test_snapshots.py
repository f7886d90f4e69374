"""Pictures of still screens, at the three sizes that matter."""

import pytest
from checkpoints import transformer_file
from fake_client import FakeClient, lenet, recipe

from inspector.core.recipe import Recipe
from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle
from inspector.worker.file_client import FileClient

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_checkpoint_with_its_repeated_blocks_folded(snap_compare, tmp_path, size):
    app = NNInspectApp(FakeClient(transformer_file(tmp_path)), Recipe(target="transformer.safetensors"))
    keys = ("down", "down", "down", "down", "down")
    assert snap_compare(app, terminal_size=size, run_before=after(*keys))


def test_a_run(snap_compare):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("f", "enter"))


SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.mark.slow
@SIZES
@pytest.mark.parametrize("keys", [("down", "4", "V", "V"), ("down", "down", "down", "4", "V")], ids=["kernels", "map"])
def test_pictures_of_a_file(snap_compare, sample, monkeypatch, size, keys):
    monkeypatch.chdir(sample("lenet.params").parent)
    app = NNInspectApp(FileClient(), Recipe(target="lenet.params"))
    assert snap_compare(app, terminal_size=size, run_before=after(*keys))


@pytest.mark.slow
@SIZES
def test_kernels_of_a_model(snap_compare, size):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=size, run_before=after("down", "4", "V", "V", "tab"))


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark"])
def test_kernels_in_other_themes(snap_compare, theme):
    app = NNInspectApp(FakeClient(), recipe())
    app.theme = theme
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("down", "4", "V", "V"))


def test_a_heat_map_without_colours(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("end", "4", "V"))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "keys", [("C", "tab", "down"), ("W", "enter"), ("W", "enter", "w")], ids=["check", "repair", "mended-file"]
)
def test_checking_and_mending(snap_compare, size, keys):
    app = NNInspectApp(FakeClient(), recipe())
    assert snap_compare(app, terminal_size=size, run_before=after(*keys))


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_comparison(snap_compare, size):
    app = NNInspectApp(FakeClient(), recipe())
    keys = after("D", *"b.pt", "enter", "down")
    assert snap_compare(app, terminal_size=size, run_before=keys)


@pytest.mark.slow
@SIZES
def test_a_pass_that_is_stepped_through(snap_compare, size):
    app = NNInspectApp(FakeClient(), recipe())
    keys = after("down", "f9", "S", "i", "e", *"x.sum()", "enter")
    assert snap_compare(app, terminal_size=size, run_before=keys)

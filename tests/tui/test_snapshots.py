"""What every panel looks like at three sizes: pictures in a dark and a light theme, text without colours and in ASCII.

One application for each size and look walks through all panels, as a person would.
"""

import pytest
from checkpoints import transformer_file
from fake_client import FakeClient, lenet
from places import BEGIN, LARGE, MIDDLE, PANELS, SMALL, Place, dressed
from pytest_textual_snapshot import SVGImageExtension

from inspector.tui.dressed_app import Appearance

pytestmark = pytest.mark.slow
SIZES = pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def svg(snapshot):
    """Whether the screen is what it was, as a picture with colours."""
    pictures = snapshot.use_extension(SVGImageExtension)
    return lambda ui, name: ui.app.export_screenshot(title="nninspect", simplify=True) == pictures(name=name)


async def differing(ui, places, is_as_before):
    """The places that do not look as they did; each is walked to from the one before."""
    found = []
    for place in places:
        await ui.press(*place.keys)
        if not is_as_before(ui, place.name):
            found.append(place.name)
        await ui.press(*place.leave)
    return found


@SIZES
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_every_panel_in_colours(svg, size, theme):
    async with dressed(size, Appearance(theme=theme)) as ui:
        await ui.press(*BEGIN)
        assert await differing(ui, PANELS, svg) == []


@SIZES
@pytest.mark.parametrize("look", ["no-colour", "ascii"])
async def test_every_panel_as_text(snapshot, monkeypatch, size, look):
    if look == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    async with dressed(size, Appearance(ascii=look == "ascii")) as ui:
        await ui.press(*BEGIN)
        assert await differing(ui, PANELS, lambda ui, name: ui.text == snapshot(name=name)) == []


async def test_a_pass_that_failed(svg):
    async with dressed(MIDDLE, client=FakeClient(lenet(failed=True))) as ui:
        assert svg(ui, "failed")


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_opens_over_the_panels(svg, size):
    places = (
        Place("initialise", ("down", "i"), ("escape",)),
        Place("repair", ("W", "enter"), ("escape",)),
        Place("comparison", ("D", *"b.pt", "enter", "down"), ("escape",)),
        Place("theme", ("ctrl+t",), ("escape",)),
        Place("step", ("f9", "S", "i", "e", *"x.sum()", "enter")),
    )
    async with dressed(size) as ui:
        assert await differing(ui, places, svg) == []


async def test_a_checkpoint_with_its_repeated_blocks_folded(svg, tmp_path):
    async with dressed(SMALL, client=FakeClient(transformer_file(tmp_path))) as ui:
        assert await differing(ui, [Place("folded", ("down",) * 5)], svg) == []


async def test_too_small_a_terminal(svg):
    async with dressed((58, 18)) as ui:
        assert svg(ui, "too-small")

"""The headless picture: it waits for what the keys set off, and closes the client."""

import html
import re

import pytest
from fake_client import FakeClient, recipe

from inspector.core.errors import ModelEndedError, RequestError
from inspector.tui.screenshot import screenshot
from inspector.worker import protocol


async def test_the_picture_is_taken_after_the_keys_have_taken_effect():
    client = FakeClient()
    picture = await screenshot(client, recipe(), (100, 30), ["down", "4"])
    text = html.unescape(picture).replace("\xa0", " ")
    assert picture.startswith("<svg")
    assert "mean ± std" in text
    assert client.asked_for(protocol.Values)[0].key == "conv1.weight"
    assert client.closed


@pytest.mark.parametrize("problem", [RequestError("m.py: there is no such file"), ModelEndedError("exit 1")])
async def test_of_a_model_that_cannot_be_opened_there_is_no_picture(problem):
    client = FakeClient()
    client.answers[protocol.Open] = problem
    with pytest.raises(type(problem), match=str(problem)):
        await screenshot(client, recipe(), (100, 30), ["down"])
    assert client.closed


async def test_a_picture_makes_its_viewer_load_nothing():
    picture = await screenshot(FakeClient(), recipe(), (100, 30), [])
    addresses = set(re.findall(r"https?://[^\s\"')]+", re.sub(r"<!--.*?-->", "", picture)))
    assert addresses == {"http://www.w3.org/2000/svg"}

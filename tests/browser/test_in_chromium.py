"""The interface as a person has it in a browser: opened, walked through, a forward pass run and seen."""

import sys

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

import chromium
from served import served, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc"),
    pytest.mark.skipif(chromium.found() is None, reason="there is no Chromium here"),
]


async def test_a_model_is_opened_walked_through_and_run():
    async with served("sample_models/lenet.py", "--weights", "sample_models/lenet.params", "--serve") as server:
        alone = server.processes()
        async with chromium.page() as page:
            await page.call("Page.navigate", url=server.url)
            await page.shows("conv1", "Conv2d")
            assert await page.evaluate("location.href") == f"{server.origin}/", "the token is not in the address"
            assert await page.evaluate("document.cookie") == "", "no script reads the cookie"

            await page.press("ArrowDown", "j")
            await page.shows("F.relu  function")
            await page.press("f")
            await page.shows("Run the model on random input")
            await page.press("Enter")
            await page.shows("the pass took", "mean ± std")

            assert await page.evaluate("window.problems.join()") == ""
            foreign = [url for url in page.requested if not url.split("://")[1].startswith(server.origin[7:])]
            assert [url for url in foreign if not url.startswith(("about:", "data:"))] == []

            before = server.processes() - alone
            await page.call("Page.reload")
            await page.shows("conv1", "Conv2d")
            await until(lambda: not before & server.processes(), "the session before the reload has ended")
            assert len(server.processes() - alone) == 2
        await until(lambda: server.processes() == alone, "closing the browser ends its session")


async def test_a_page_of_another_server_gets_nothing_though_the_browser_has_the_token():
    async with (
        served("sample_models/lenet.py", "--serve") as server,
        served("sample_models/lenet.py", "--serve") as other,
        chromium.page() as page,
    ):
        await page.call("Page.navigate", url=server.url)
        await page.shows("conv1", "params")
        await page.call("Page.setBypassCSP", enabled=True)
        await page.call("Page.navigate", url=other.url)
        await page.shows("conv1", "params")
        opened = await page.evaluate(
            f"new Promise(done => {{ const socket = new WebSocket('ws://127.0.0.1:{server.port}/ws/{server.token}');"
            "socket.onopen = () => done('open'); socket.onerror = () => done('refused'); })"
        )
        assert opened == "refused"
        fetched = await page.evaluate(
            f"fetch('{server.origin}/', {{credentials: 'include'}}).then(answer => answer.text(), () => 'refused')"
        )
        assert fetched == "refused"

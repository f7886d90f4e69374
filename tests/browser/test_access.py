"""Who gets an answer from the server: the real one, asked as browsers and attackers ask."""

import json
import os
import signal
import sys
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

from served import served, until  # noqa: E402  # imports aiohttp's company

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc"),
]
PATHS = ["/", "/ws/token", "/static/js/textual.js", "/static/", "/download/key", "/nowhere"]


@pytest.fixture
async def server():
    async with served("sample_models/lenet.py", "--serve") as running:
        yield running


@pytest.fixture
async def browser():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def status(browser, url, headers=None):
    async with browser.get(url, headers=headers, allow_redirects=False) as response:
        return response.status, await response.read()


async def cookie(browser, server):
    """What a browser sends to every port of the host, once it has opened the page."""
    async with browser.get(server.url) as response:
        return {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}


async def test_only_the_token_on_this_servers_own_pages_opens_anything(server, browser):
    refused = (403, b"")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    good = await cookie(browser, server)
    for path in PATHS:
        url = server.origin + path
        headers = upgrade if path.startswith("/ws") else {}
        assert await status(browser, url, headers) == refused, path
        assert await status(browser, f"{url}?token=wrong", headers) == refused, path
        assert await status(browser, f"{url}?token=", headers) == refused, path
        assert await status(browser, f"{url}?token=%FF%00é", headers) == refused, path
        assert await status(browser, url, {**headers, "Cookie": f"nninspect-{server.port}=wrong"}) == refused, path
        for wrong in (
            {"Origin": "http://evil.example"},
            {"Origin": f"http://localhost:{server.port + 1}"},
            {"Origin": f"https://127.0.0.1:{server.port}"},
            {"Origin": "null"},
            {"Host": "evil.example"},
            {"Host": f"evil.example:{server.port}", "Origin": f"http://evil.example:{server.port}"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": ""},
            {"Host": "["},
        ):
            assert await status(browser, f"{url}?token={server.token}", {**headers, **wrong}) == refused, (path, wrong)
            assert await status(browser, url, {**headers, **good, **wrong}) == refused, (path, wrong)
    stolen = good["Cookie"].partition("=")[2]
    for path in ("/ws/token", f"/ws/{stolen}", f"/ws/x?token={server.token}"):
        assert await status(browser, server.origin + path, {**upgrade, **good}) == refused, "a cookie opens no session"
    for wrong in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert await status(browser, f"{server.origin}/ws/{server.token}", {**upgrade, **good, **wrong}) == refused
    assert (await status(browser, server.origin, good))[0] == 200
    assert (await status(browser, f"{server.origin}/nowhere", good))[0] == 404
    assert (await status(browser, f"{server.origin}/static/js/textual.js", good))[0] == 200
    assert (await status(browser, f"{server.origin}/static/../server.py", good))[0] == 404
    assert (await status(browser, f"{server.origin}/static/", good))[0] == 403, "no listing of folders"
    # As through a tunnel, whose end has another port.
    assert (await status(browser, server.url, {"Host": "localhost:9", "Origin": "http://localhost:9"}))[0] == 200


async def test_the_cookie_is_not_the_token_and_the_page_asks_nothing_of_the_internet(server, browser):
    async with browser.get(server.url) as response:
        page = await response.text()
        cookie = SimpleCookie(response.headers["Set-Cookie"])[f"nninspect-{server.port}"]
        policy = response.headers["Content-Security-Policy"]
    assert server.token not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert "http://" not in page
    assert "https://" not in page
    assert server.token not in page
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for path in ("js/textual.js", "css/xterm.css", "fonts/RobotoMono-VariableFont_wght.ttf"):
        assert f"static/{path}" in page
        assert (await status(browser, f"{server.origin}/static/{path}?token={server.token}"))[0] == 200


async def test_a_tab_runs_the_interface_and_nothing_is_left_when_it_or_the_server_ends(server, browser):
    headers = {"Origin": server.origin}
    alone = server.processes()
    first = await browser.ws_connect(f"{server.origin}/ws/{server.token}?width=100&height=30", headers=headers)
    await shown(first, "conv1")
    await first.send_str("no JSON")
    await first.send_str(json.dumps({"not": "a list"}))
    await first.send_str(json.dumps(["resize", {"width": 10**12, "height": "many"}]))
    second = await browser.ws_connect(f"{server.origin}/ws/{server.token}?width=100&height=30", headers=headers)
    await shown(second, "conv1")
    both = server.processes()
    assert len(both - alone) == 4, "an interface and a worker for each tab"
    await first.close()
    await until(lambda: len(server.processes() - alone) == 2, "the first tab's have gone")
    kept = Path(os.environ["NNINSPECT_STATE"]) / "models"
    assert len(list(kept.iterdir())) == 1, "closing a tab remembers what was on show"
    last = server.processes()
    server.process.send_signal(signal.SIGINT)
    await until(lambda: not any(_is_running(pid) for pid in last), "ctrl+c has ended all")
    assert await server.process.wait() == 0


async def test_an_interface_that_does_not_listen_is_killed_with_its_worker(server, browser):
    alone = server.processes()
    tab = await browser.ws_connect(f"{server.origin}/ws/{server.token}")
    await shown(tab, "conv1")
    interface, worker = sorted(server.processes() - alone)
    os.kill(interface, signal.SIGSTOP)
    await tab.close()
    await until(lambda: not _is_running(interface) and not _is_running(worker), "interface and worker have gone")


async def test_a_server_that_is_killed_leaves_no_orphans(server, browser):
    tab = await browser.ws_connect(f"{server.origin}/ws/{server.token}")
    await shown(tab, "conv1")
    family = server.processes()
    assert len(family) == 3
    server.process.kill()
    await until(lambda: not any(_is_running(pid) for pid in family), "interface and worker have gone")


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def shown(websocket, text):
    """Read what the interface paints until `text` is among it."""
    painted = b""
    while text.encode() not in painted:
        painted += await websocket.receive_bytes(timeout=60)


async def test_a_hostile_name_is_a_name(tmp_path, browser):
    name = "a b';touch pwned;'$(touch pwned)`touch pwned`<script>&.py"
    (tmp_path / name).write_text(
        "from torch import nn\n\nclass Net(nn.Linear):\n    def __init__(self):\n        super().__init__(2, 3)\n"
    )
    async with served(name, "--serve", cwd=tmp_path) as server:
        async with browser.get(server.origin, headers=await cookie(browser, server)) as response:
            assert "<script>&" not in await response.text()
        tab = await browser.ws_connect(f"{server.origin}/ws/{server.token}?width=150&height=30")
        await shown(tab, "weight")
        await tab.close()
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [name]

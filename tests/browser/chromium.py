"""A headless Chromium, driven through the DevTools protocol."""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from pathlib import Path

import aiohttp

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"
)
KEEPS_THE_TERMINAL = """
window.problems = [];
document.addEventListener("securitypolicyviolation", event => window.problems.push(event.blockedURI));
Object.defineProperty(Object.prototype, "terminal", {configurable: true, set(value) {
  Object.defineProperty(this, "terminal", {value, writable: true, configurable: true});
  if (value && value.buffer) window.xterm = value;
}});
"""
"""The page keeps xterm.js to itself: its terminal is caught where it becomes an attribute."""
SCREEN = """(() => {
  if (!window.xterm) return "";
  const buffer = window.xterm.buffer.active, lines = [];
  for (let y = 0; y < window.xterm.rows; y++) lines.push(buffer.getLine(buffer.viewportY + y)?.translateToString(true));
  return lines.join("\\n");
})()"""


def found():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    def __init__(self, websocket):
        self._websocket = websocket
        self._numbers = itertools.count(1)
        self.requested = []

    async def call(self, method, **parameters):
        number = next(self._numbers)
        await self._websocket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._websocket.receive_json(timeout=60)
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message.get("method") == "Network.webSocketCreated":
                self.requested.append(message["params"]["url"])
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def evaluate(self, expression):
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True)
        return answer["result"].get("value")

    async def press(self, *keys):
        for key in keys:
            await self.call("Input.dispatchKeyEvent", type="keyDown", **KEYS.get(key, {"key": key, "text": key}))
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def shows(self, *texts):
        screen = ""
        try:
            async with asyncio.timeout(60):
                while not all(text in screen for text in texts):
                    screen = await self.evaluate(SCREEN)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{texts} are not all in\n{screen}") from None
        return screen


KEYS = {
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "ArrowDown": {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40},
}


@contextlib.asynccontextmanager
async def page():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(found(), *FLAGS.split(), f"--user-data-dir={profile}", "--window-size=1400,900", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            where = Path(profile) / "DevToolsActivePort"
            async with asyncio.timeout(60):
                while not where.exists() or not where.read_text().strip():  # noqa: ASYNC110  # another process writes it
                    await asyncio.sleep(0.05)
            port = where.read_text().split()[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                    target = next(one for one in await response.json() if one["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as websocket:
                    driven = Page(websocket)
                    for domain in ("Page", "Network", "Runtime"):
                        await driven.call(f"{domain}.enable")
                    await driven.call("Page.addScriptToEvaluateOnNewDocument", source=KEEPS_THE_TERMINAL)
                    yield driven
        finally:
            process.terminate()
            await process.wait()

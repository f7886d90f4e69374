"""What a person reads on the application's screen, taken from its picture."""

import html
import re
from collections.abc import Callable
from contextlib import asynccontextmanager

from fake_client import FakeClient, recipe

from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle

TEXT = re.compile(r'<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*clip-path[^>]*>([^<]*)</text>')


def screen_text(app: NNInspectApp) -> str:
    """The screen's lines."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in TEXT.findall(app.export_screenshot()):
        lines.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    cell = 12.2
    drawn = []
    for y in sorted(lines):
        line = ""
        for x, text in sorted(lines[y]):
            line = line.ljust(round(x / cell)) + text
        drawn.append(line.rstrip())
    return "\n".join(drawn)


class Session:
    """A running application, driven by keys."""

    def __init__(self, app, pilot, client):
        self.app, self.pilot, self.client = app, pilot, client

    async def press(self, *keys: str) -> str:
        """Press keys, wait until each has taken effect, and read the screen."""
        for key in keys:
            await self.pilot.press(key)
            await settle(self.app, self.pilot, seconds=20)
        return self.text

    async def write(self, field: str, text: str) -> None:
        """Replace what stands in a field of the dialog on show."""
        self.app.screen.query_one(f"#{field}").value = text
        await settle(self.app, self.pilot, seconds=20)

    @property
    def text(self) -> str:
        return screen_text(self.app)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the application work until something is so."""
        for _ in range(500):
            if condition():
                return
            await self.pilot.pause()
        raise AssertionError(f"never happened: {what}\n{self.text}")


@asynccontextmanager
async def session(table=None, size=(120, 40), client=None, opened=True, mistakes=False, **how):
    """The application over a fake client, settled; a mistake of its own is raised unless it is asked for."""
    client = client or FakeClient(table)
    app = NNInspectApp(client, recipe(), **how)
    async with app.run_test(size=size) as pilot:
        if opened:
            await settle(app, pilot, seconds=20)
        yield Session(app, pilot, client)
        if app.mistakes and not mistakes:
            raise app.mistakes[0]

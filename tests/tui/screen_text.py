"""What a person reads on the application's screen."""

import io
from collections.abc import Callable
from contextlib import asynccontextmanager

from fake_client import FakeClient, recipe
from rich.console import Console

from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle


def screen_text(app: NNInspectApp) -> str:
    """The screen's lines, drawn as for a picture of it."""
    width, height = app.size
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


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

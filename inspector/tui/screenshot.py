"""Pictures of the application, without a terminal: the same program, driven by keys, exported as SVG."""

import asyncio
import re
from collections.abc import Sequence

from textual.pilot import Pilot

from inspector.core.recipe import Recipe
from inspector.core.workspace import Resumed
from inspector.tui.app import NNInspectApp
from inspector.tui.dressed_app import Appearance
from inspector.worker.client import Client


async def screenshot(
    client: Client,
    recipe: Recipe,
    size: tuple[int, int],
    keys: Sequence[str],
    resumed: Resumed | None = None,
    appearance: Appearance | None = None,
) -> str:
    """The screen as SVG after the model is open and each of `keys` has been pressed and has taken effect.

    `size` is columns and lines; keys are named as Textual names them ("f", "down", "ctrl+r"). Closes the client.

    Raises RequestError or ModelEndedError where the model cannot be opened, RequestError where there is no such theme.
    """
    try:
        app = NNInspectApp(client, recipe, resumed, appearance)
        async with app.run_test(size=size) as pilot:
            await settle(app, pilot)
            if app.table is None and app.conversation.refusal is not None:
                raise app.conversation.refusal
            for key in keys:
                await pilot.press(key)
                await settle(app, pilot)
            return _without_fonts(app.export_screenshot(title="nninspect"))
    finally:
        await client.close()


async def settle(app: NNInspectApp, pilot: Pilot[int], seconds: float = 600) -> None:
    """Wait until no request is pending and nothing is left to be drawn; raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            await pilot.pause()
            if app.conversation.idle and not app.look_due:
                return
            await app.conversation.settle()


def _without_fonts(svg: str) -> str:
    """The picture without fonts that a viewer would fetch from another host: it takes a monospaced one that it has."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)

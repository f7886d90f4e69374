"""Running the application in a terminal until the user leaves, or the terminal goes away."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import partial

from inspector.core.collection import pass_over_what_is
from inspector.core.recipe import Recipe
from inspector.core.workspace import Resumed
from inspector.files import remembered
from inspector.files.settings_file import SettingsFile
from inspector.tui.app import NNInspectApp
from inspector.tui.dressed_app import Appearance
from inspector.worker.client import Client

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
"""Signals that end a program, as far as the system has them."""


def run(
    client: Client,
    recipe: Recipe,
    resumed: Resumed | None = None,
    appearance: Appearance | None = None,
    chosen: SettingsFile | None = None,
    remembers: bool = False,
    forget: bool = False,
) -> int:
    """Run the application until the user leaves; returns the exit status.

    Signals that end a program leave it as the quit key does, so that the terminal is usable afterwards; the worker is
    closed. `chosen` are the person's settings. With `remembers` the model is shown as it was last, unless `forget`
    drops that first.

    Raises RequestError where the settings cannot be taken up.
    """
    if forget:
        remembered.forget(recipe)
    # With a factory asyncio leaves alone which loop the thread has: it may be that of a program with plans of its own.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_run(client, recipe, resumed, appearance, chosen, remembers))


async def _run(
    client: Client,
    recipe: Recipe,
    resumed: Resumed | None,
    appearance: Appearance | None,
    chosen: SettingsFile | None,
    remembers: bool,
) -> int:
    loop = asyncio.get_running_loop()
    handled = []
    try:
        app = NNInspectApp(client, recipe, resumed, appearance, chosen, remembers)
        pass_over_what_is()
        for number in ENDING:
            # An event loop on Windows takes no signals.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
                handled.append(number)
        await app.run_async()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
        await client.close()
    return app.return_code or 0

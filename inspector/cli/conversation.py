"""One conversation with a worker for a command that prints."""

import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import TypeVar

import click

from inspector.core.recipe import Recipe
from inspector.core.table import ModelTable
from inspector.core.wording import printable, shortened
from inspector.worker.client import Client
from inspector.worker.conversing import at_once
from inspector.worker.opening import client_for
from inspector.worker.protocol import Event, Log, Open, Progress, Trace, WorkerState

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds that a command has to begin a worker, until it is said that it is waited for."""


def converse(recipe: Recipe, worker: str | None, talk: Callable[[Client], Coroutine[None, None, T]]) -> T:
    """Start a worker, carry out `talk` with its client, and end the worker, whatever happens."""
    client = client_for(recipe, worker, for_commands=True)

    async def conversation() -> T:
        client.listeners.append(_show_log)
        if sys.stderr.isatty():
            client.listeners.append(_show)
        stop_telling = _tells_of_waiting(client, worker) if worker else lambda: None
        try:
            await client.start()
            return await talk(client)
        finally:
            stop_telling()
            await client.close()
            if sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)

    if not getattr(client, "in_threads", True):
        return at_once(conversation())
    import asyncio

    return asyncio.run(conversation())


async def opened(client: Client, recipe: Recipe) -> ModelTable:
    """Open the model and work out its shapes."""
    await client.request(Open(recipe=recipe))
    return await client.request(Trace(inputs=recipe.inputs))


def _show(event: Event) -> None:
    if isinstance(event, Progress) or (isinstance(event, WorkerState) and event.state == "starting"):
        click.echo(f"\r\x1b[K{printable(event.text)[:70]}", nl=False, err=True)


def _tells_of_waiting(client: Client, command: str) -> Callable[[], None]:
    """Says once that the command has begun no worker; returns what stops that."""
    import asyncio

    sentence = f"nninspect: waiting for the worker of `{shortened(command)}`; ctrl+c ends the waiting"
    timer = asyncio.get_running_loop().call_later(PATIENCE, lambda: click.echo(sentence, err=True))

    def begun(event: Event) -> None:
        if isinstance(event, WorkerState) and event.state == "ready":
            timer.cancel()

    client.listeners.append(begun)
    return timer.cancel


def _show_log(event: Event) -> None:
    """What the command of a worker prints where answers come later; all else is on standard error by itself."""
    if isinstance(event, Log):
        # A standard error that nobody reads keeps no answer from standard output.
        with contextlib.suppress(OSError):
            click.echo(event.line, err=True)

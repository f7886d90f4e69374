"""One conversation with a worker for a command that prints."""

import sys
from collections.abc import Callable, Coroutine
from typing import TypeVar

import click

from inspector.core.recipe import Recipe
from inspector.core.table import ModelTable
from inspector.worker.client import Client
from inspector.worker.opening import client_for
from inspector.worker.protocol import Event, Open, Progress, Trace

T = TypeVar("T")


def converse(recipe: Recipe, worker: str | None, talk: Callable[[Client], Coroutine[None, None, T]]) -> T:
    """Start a worker, carry out `talk` with its client, and end the worker, whatever happens."""
    client = client_for(recipe, worker, for_commands=True)

    async def conversation() -> T:
        if sys.stderr.isatty():
            client.listeners.append(_show)
        try:
            await client.start()
            return await talk(client)
        finally:
            await client.close()
            if sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)

    if not getattr(client, "in_threads", True):
        return _at_once(conversation())
    import asyncio

    return asyncio.run(conversation())


def _at_once(conversation: Coroutine[None, None, T]) -> T:
    """What a conversation that never waits comes to; an event loop takes a while to import."""
    try:
        conversation.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise RuntimeError("the conversation waits for something")


async def opened(client: Client, recipe: Recipe) -> ModelTable:
    """Open the model and work out its shapes."""
    await client.request(Open(recipe=recipe))
    return await client.request(Trace(inputs=recipe.inputs))


def _show(event: Event) -> None:
    if isinstance(event, Progress):
        click.echo(f"\r\x1b[K{event.text[:70]}", nl=False, err=True)

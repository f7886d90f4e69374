"""A conversation with a client, from code that has no event loop of its own."""

import contextlib
import threading
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


def at_once(conversation: Coroutine[None, None, T]) -> T:
    """What a conversation that never waits comes to; an event loop takes a while to import."""
    try:
        conversation.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise RuntimeError("the conversation waits for something")


def in_own_loop(conversation: Coroutine[None, None, T]) -> T:
    """What a conversation comes to, also where a loop runs in this thread already, as in a notebook."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # With a factory asyncio leaves alone which loop the caller's thread has.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(conversation)
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    carried_out = loop.create_task(conversation)

    # Not the thread's own end: a join that was interrupted takes it for ended (before Python 3.13).
    ended = threading.Event()

    def converse() -> None:
        try:
            # What it raises is raised by its result too.
            with runner, contextlib.suppress(BaseException):
                loop.run_until_complete(carried_out)
        finally:
            ended.set()

    try:
        threading.Thread(target=converse, name="nninspect conversation").start()
        ended.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
            loop.call_soon_threadsafe(carried_out.cancel)
        # It ends the worker, before the caller deletes the inputs' files.
        ended.wait()
        raise
    return carried_out.result()

"""A conversation with a client, from code that has no event loop of its own."""

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
    came: list[T] = []
    failed: list[BaseException] = []

    def converse() -> None:
        try:
            came.append(asyncio.run(conversation))
        except BaseException as problem:
            failed.append(problem)

    thread = threading.Thread(target=converse, name="nninspect conversation")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return came[0]

"""The line with which a worker begins, before torch is imported.

What a login shell, a scheduler or a launcher prints before it is not the worker's, and is read past. Both sides find
out here that they do not speak the same protocol, before a message is read wrongly.
"""

import asyncio
from collections.abc import Callable

import msgspec

from inspector.core.errors import RequestError
from inspector.core.version import installed_version
from inspector.worker.protocol import PROTOCOL_VERSION

MARK = b"__NNINSPECT_WORKER__ "
LONGEST_BANNER = 1 << 20
"""Bytes that may come before the greeting."""


class Greeting(msgspec.Struct, frozen=True):
    """Who the worker is; every version of the protocol keeps these fields."""

    protocol: int
    nninspect: str
    python: str
    pid: int


def greeting_line(greeting: Greeting) -> bytes:
    """The line to send: on its own, also where a prompt was printed before it."""
    return b"\n" + MARK + msgspec.json.encode(greeting) + b"\n"


async def read_greeting(stream: asyncio.StreamReader, report: Callable[[str], None]) -> Greeting:
    """Read up to and including the greeting; other lines go to `report`.

    Raises RequestError where what speaks is no worker, or one of another protocol, and asyncio.IncompleteReadError
    where the stream ends first.
    """
    banner = 0
    while banner < LONGEST_BANNER:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            break
        before, mark, after = line.partition(MARK)
        if mark:
            return _understood(after)
        banner += len(line)
        if text := before.decode(errors="replace").rstrip():
            report(text)
    raise RequestError(
        "the command of --worker prints on and on and starts no worker; it is to run: python -m inspector.worker"
    )


def _understood(sent: bytes) -> Greeting:
    if sent.endswith(b"\r\n"):
        raise RequestError(
            "the command of --worker runs the worker in a terminal, which changes what it sends; leave out the option "
            "that asks for one (-t of ssh and docker, --pty of srun)"
        )
    try:
        greeting = msgspec.json.decode(sent, type=Greeting)
    except msgspec.DecodeError:
        raise RequestError("the worker's greeting does not read; install the same nninspect in both places") from None
    if greeting.protocol != PROTOCOL_VERSION:
        raise RequestError(
            f"the worker speaks protocol {greeting.protocol} (nninspect {greeting.nninspect}), and this is protocol "
            f"{PROTOCOL_VERSION} (nninspect {installed_version()}); install the same nninspect in both places"
        )
    return greeting

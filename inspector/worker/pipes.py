"""A child's pipes on the event loop: watched by it, or where it cannot watch pipes (Windows) moved by threads."""

import asyncio
import queue
import sys
import threading
from collections.abc import Callable
from typing import IO, Protocol

WATCHED = sys.platform != "win32"
"""Whether an event loop can wait for the pipes that `subprocess` makes."""
LONGEST_LINE = 1 << 20


class PipeWriter(Protocol):
    """Takes bytes at once and writes them when the pipe does."""

    def write(self, data: bytes) -> None:
        """Write, some time; a pipe whose reader is gone swallows it."""

    def close(self) -> None:
        """Close the pipe after what was written."""


async def pipe_reader(pipe: IO[bytes]) -> tuple[asyncio.StreamReader, Callable[[], None]]:
    """What comes out of a pipe, and what to call when it is no longer wanted."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    if WATCHED:
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        return reader, transport.close
    threading.Thread(target=_read, args=(pipe, reader, loop), daemon=True, name="pipe reader").start()
    return reader, lambda: None


async def pipe_writer(pipe: IO[bytes]) -> PipeWriter:
    """The way into a pipe."""
    if WATCHED:
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, pipe)
        return transport
    return _ThreadedWriter(pipe)


def _read(pipe: IO[bytes], reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    try:
        while data := pipe.read1(1 << 18):  # type: ignore[attr-defined]  # of a buffered reader
            loop.call_soon_threadsafe(reader.feed_data, data)
        loop.call_soon_threadsafe(reader.feed_eof)
    except (RuntimeError, OSError, ValueError):
        # The loop or the pipe was closed meanwhile.
        return


class _ThreadedWriter:
    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True, name="pipe writer").start()

    def write(self, data: bytes) -> None:
        self._waiting.put(data)

    def close(self) -> None:
        self._waiting.put(None)

    def _write(self) -> None:
        try:
            while (data := self._waiting.get()) is not None:
                self._pipe.write(data)
                self._pipe.flush()
            self._pipe.close()
        except (OSError, ValueError):
            # The reader is gone; the process that reads is waited for elsewhere.
            return

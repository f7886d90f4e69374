"""The worker's process and its pipes.

A plain `subprocess.Popen` and not asyncio's, so that it can be started before there is an event loop; and not
`multiprocessing`, whose spawning fails inside a running Textual application.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import IO

from inspector.core.errors import RequestError


class WorkerProcess:
    """A child in a session of its own, so that its own children go with it."""

    def __init__(self, arguments: list[str], capture_output: bool) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        try:
            self._popen = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if capture_output else None,
                start_new_session=True,
                env=environment,
            )
        except OSError as problem:
            raise RequestError(f"the worker {arguments[0]!r} does not start: {problem.strerror}") from None
        self._writer: asyncio.WriteTransport | None = None
        self._transports: list[asyncio.BaseTransport] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamReader | None]:
        """Readers of its replies and of what it prints, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._writer, _ = await loop.connect_write_pipe(asyncio.Protocol, self._popen.stdin)
        self._transports.append(self._writer)
        replies = await self._reader(self._popen.stdout)
        assert replies is not None
        return replies, await self._reader(self._popen.stderr)

    async def _reader(self, pipe: IO[bytes] | None) -> asyncio.StreamReader | None:
        if pipe is None:
            return None
        reader = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._transports.append(transport)
        return reader

    def send(self, data: bytes) -> None:
        """Write to its standard input; a process that is gone is noticed by who reads from it."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    async def wait(self) -> int:
        """Its exit status; negative for a signal."""
        return await asyncio.to_thread(self._popen.wait)

    def interrupt(self) -> None:
        """What ctrl-c would send it."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and all its children at once, whether or not it listens."""
        if self.is_alive():
            self.kill_group()

    def kill_group(self) -> None:
        """End what is left of it and its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the pipes."""
        for transport in self._transports:
            transport.close()

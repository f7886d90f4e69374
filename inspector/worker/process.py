"""The worker's process and its pipes.

A plain `subprocess.Popen` and not asyncio's, so that it can be started before there is an event loop; and not
`multiprocessing`, whose spawning fails inside a running Textual application.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

from inspector.core.errors import RequestError
from inspector.worker.pipes import PipeWriter, pipe_reader, pipe_writer


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
                # What ctrl+c in the terminal means is for the front end to say, where there are no sessions too.
                start_new_session=hasattr(os, "setsid"),
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                env=environment,
            )
        except OSError as problem:
            raise RequestError(f"the worker {arguments[0]!r} does not start: {problem.strerror}") from None
        self._input: PipeWriter | None = None
        self._let_go: list[Callable[[], None]] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamReader | None]:
        """Readers of its replies and of what it prints, on the running event loop."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._input = await pipe_writer(self._popen.stdin)
        replies, let_go = await pipe_reader(self._popen.stdout)
        self._let_go.append(let_go)
        if self._popen.stderr is None:
            return replies, None
        log, let_go = await pipe_reader(self._popen.stderr)
        self._let_go.append(let_go)
        return replies, log

    def send(self, data: bytes) -> None:
        """Write to its standard input; a process that is gone is noticed by who reads from it."""
        if self._input is not None:
            self._input.write(data)

    def end_input(self) -> None:
        """Close its standard input, by which it knows that it is no longer wanted."""
        if self._input is not None:
            self._input.close()
            self._input = None

    async def wait(self) -> int:
        """Its exit status; negative for a signal."""
        return await asyncio.to_thread(self._popen.wait)

    def kill(self) -> None:
        """End it and all its children at once, whether or not it listens."""
        if self._popen.poll() is None:
            self.kill_group()

    def kill_group(self) -> None:
        """End what is left of it and its children; where there are no process groups, it alone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:
                self._popen.kill()

    def close(self) -> None:
        """Let go of the pipes."""
        for let_go in self._let_go:
            let_go()

"""One worker process from its first byte to its last: greeting, messages, what it prints, how it ended."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from inspector.core.errors import ModelEndedError, RequestError
from inspector.core.wording import shortened
from inspector.worker import protocol
from inspector.worker.endings import how_it_ended, how_the_command_ended
from inspector.worker.framing import LENGTH_BYTES, frame, length_of
from inspector.worker.greeting import read_greeting
from inspector.worker.log_lines import LogLines
from inspector.worker.process import WorkerProcess

SECONDS_TO_END = 2.0
"""Given to a process whose pipes have ended, or whose input has, before it is killed."""
LINES_KEPT = 5
"""Of what was printed last, to say why a command ended."""


class Connection:
    """The two ends of a worker's pipes; whoever opens it is told what comes in, and once that it ended."""

    def __init__(self, process: WorkerProcess, command: str | None, tell: Callable[[protocol.Event], None]) -> None:
        """`command`: the user's own, that starts a worker elsewhere; None for a process of ours."""
        self.ended = False
        self.problem: RequestError | ModelEndedError | None = None
        """Why there is no worker any more, once it ended."""
        self.greeted = False
        self._process = process
        self._command = None if command is None else shortened(command)
        self._tell = tell
        self._settled = asyncio.Event()
        self._last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, receive: Callable[[Any], None], lost: Callable[["Connection"], None]) -> None:
        """Listen: `receive` gets every message, `lost` is called when the process has ended."""
        waiting = f"waiting for the worker of `{self._command}`" if self._command else "starting the worker"
        self._tell(protocol.WorkerState("starting", waiting))
        replies, log = await self._process.connect()
        logging = None
        if log is not None:
            logging = asyncio.create_task(LogLines(self._printed).read(log), name="worker log")
            self._tasks.append(logging)
        self._tasks.append(asyncio.create_task(self._read(replies, logging, receive, lost), name="worker replies"))

    async def settled(self) -> None:
        """Return when the worker has greeted, or is known to have ended."""
        await self._settled.wait()

    def send(self, message: protocol.FromClient) -> None:
        """Send to the worker; one that is gone is noticed by who reads from it."""
        self._process.send(frame(message))

    def kill(self) -> None:
        """End the process at once, with what it started here; a worker elsewhere ends with its input."""
        self._process.end_input()
        self._process.kill()

    async def close(self) -> None:
        """End the process: a command gets a moment to end what it started elsewhere."""
        self._process.end_input()
        try:
            if self._command is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), SECONDS_TO_END)
        finally:
            # Also where ctrl+c ends this wait: a thread waits for the process, and the program for the thread.
            self._process.kill_group()
        await self._process.wait()
        self._process.close()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _printed(self, line: str) -> None:
        self._last_lines.append(line)
        self._tell(protocol.Log(line))
        if self._command is not None and not self.greeted and not self.ended:
            self._tell(protocol.WorkerState("starting", f"waiting for the worker: {line}"))

    async def _read(
        self,
        replies: asyncio.StreamReader,
        logging: asyncio.Task[None] | None,
        receive: Callable[[Any], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        unfit: RequestError | None = None
        try:
            greeting = await read_greeting(replies, self._printed)
            self.greeted = True
            self._settled.set()
            text = f"worker {greeting.pid} on Python {greeting.python}, nninspect {greeting.nninspect}"
            self._tell(protocol.WorkerState("ready", text))
            decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(protocol.Message)
            while True:
                length = length_of(await replies.readexactly(LENGTH_BYTES))
                receive(decoder.decode(await replies.readexactly(length)))
                # What is in the buffer already is read without waiting: let others have their turn.
                await asyncio.sleep(0)
        except asyncio.IncompleteReadError as end:
            if not self.greeted and end.partial.strip():
                self._printed(end.partial.decode(errors="replace").strip())
        except (ValueError, msgspec.DecodeError):
            self.kill()
        except RequestError as problem:
            unfit = problem
            self.kill()
        except Exception as problem:
            # A mistake of ours, or of who is told: nobody would be left to hear the answers that are waited for.
            what = shortened(f"{type(problem).__name__}: {problem}")
            unfit = RequestError(f"nninspect failed while it listened to the worker ({what}); report it")
            unfit.__cause__ = problem
            self.kill()
        status = await self._status()
        if logging is not None:
            # The reason is often the last that it printed.
            await asyncio.wait([logging], timeout=SECONDS_TO_END)
        self.ended = True
        self.problem = unfit or ModelEndedError(self._how_it_ended(status))
        self._settled.set()
        lost(self)

    async def _status(self) -> int:
        """How the process ended. One that has only closed its pipes can say no more, and is ended."""
        try:
            status = await asyncio.wait_for(self._process.wait(), SECONDS_TO_END)
        except TimeoutError:
            status = protocol.PIPES_CLOSED
        if status == protocol.PIPES_CLOSED:
            self._process.kill_group()
            await self._process.wait()
        return status

    def _how_it_ended(self, status: int) -> str:
        if self._command is not None:
            return how_the_command_ended(self._command, status, list(self._last_lines), self.greeted)
        return how_it_ended(status)

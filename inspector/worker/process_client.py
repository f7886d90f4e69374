"""A client whose engine runs in a child process, which may crash, hang or be killed without harm to the front end."""

import asyncio
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from inspector.core.edits import Journal
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.recipe import Recipe
from inspector.core.stops import StepReport
from inspector.core.wording import things
from inspector.worker import protocol
from inspector.worker.answers import SECONDS_TO_LISTEN, SECONDS_TO_STOP, as_exception, note_in
from inspector.worker.client import Client
from inspector.worker.connection import Connection
from inspector.worker.pieces import Pieces
from inspector.worker.process import WorkerProcess

R = TypeVar("R")
_ROOT = str(Path(__file__).resolve().parents[2])


class ProcessClient:
    """Speaks to a worker process and brings it back, with every edit made again, when it is lost."""

    def __init__(
        self, command: str | None = None, capture_output: bool = True, recover: bool = True, onnx: bool = False
    ) -> None:
        """`command` starts a worker elsewhere; `capture_output` turns what the model prints into `Log` events.

        Without it what the model prints goes to standard error. `recover`: reopen after the worker is lost.
        `onnx`: a worker started here gets ready for an ONNX file, not for a PyTorch model.
        """
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self._command = command
        self._capture_output = capture_output
        self._recovers = recover
        self._onnx = onnx
        self._launched_process: WorkerProcess | None = None
        self._connection: Connection | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._next = 0
        self._pending: dict[int, asyncio.Future[protocol.Reply | protocol.Refused]] = {}
        self._pieces: dict[int, Pieces] = {}
        """Of the answers that are on their way."""
        self._running: tuple[int, str] | None = None
        self._recipe: Recipe | None = None
        self._cancelling: int | None = None
        """The request that was asked to stop."""
        self._killed = False
        self._untold: Exception | None = None
        """Why no worker began, until a request has been told."""
        self._stepping = False
        """Whether a pass waits in the worker, and is lost with it."""
        self._closing = False

    def launch(self) -> None:
        """Start the process before there is an event loop: it imports torch while the caller imports Textual."""
        self._launched_process = self._launched()

    async def start(self) -> None:
        """Start the worker process, unless it was launched, and listen to it."""
        await self._spawn()

    async def request(self, request: protocol.Request[R]) -> R:
        """Carry out a request; see `Client.request`."""
        if self._recovering is not None:
            # A worker that was lost a moment ago is brought back first.
            await asyncio.wait([self._recovering])
        async with self._lock:
            answer = await self._carry_out(request)
            if isinstance(answer, StepReport):
                self._stepping = answer.stop is not None
            if isinstance(request, protocol.Open):
                # What is undone later is not to be made again by opening.
                self._recipe = msgspec.structs.replace(request.recipe, edits=[])
            note_in(self.journal, request, answer)
            return answer

    def beside(self, recipe: Recipe) -> "Client":
        """A client for another recipe, its worker started by the same command."""
        from inspector.worker.opening import client_for

        return client_for(recipe, self._command)

    async def cancel(self) -> None:
        """Stop the running request: ask, interrupt, kill."""
        if self._running is None or self._connection is None:
            return
        number, connection = self._running[0], self._connection
        self._cancelling = number
        if connection.greeted:
            connection.send(protocol.Call(number, None))
            if await self._ended(number, SECONDS_TO_LISTEN):
                return
            connection.send(protocol.Interrupt(number))
            if await self._ended(number, SECONDS_TO_STOP):
                return
        self._killed = True
        connection.kill()

    async def close(self) -> None:
        """End the worker and all its processes."""
        self._closing = True
        if self._recovering is not None:
            self._recovering.cancel()
        if self._connection is not None:
            await self._connection.close()
        elif self._launched_process is not None:
            self._launched_process.kill()

    async def _spawn(self) -> None:
        process = self._launched_process or self._launched()
        self._launched_process = None
        self._killed = False
        self._connection = Connection(process, self._command, self._tell)
        await self._connection.open(self._receive, self._lost)

    def _launched(self) -> WorkerProcess:
        if self._command:
            arguments = _words(self._command)
        else:
            # -P: a file of the user's named like a module of ours must not take its place.
            start = f"from inspector.worker.child import main; main(onnx={self._onnx})"
            code = f"import sys; sys.path.append({_ROOT!r}); {start}"
            arguments = [sys.executable, "-P", "-c", code]
        return WorkerProcess(arguments, self._capture_output)

    async def _carry_out(self, request: protocol.Request[R]) -> R:
        untold, self._untold = self._untold, None
        if untold is not None:
            raise untold
        if self._connection is None or self._connection.ended:
            await self._spawn()
        connection = self._connection
        assert connection is not None
        self._next += 1
        number = self._next
        waiting: asyncio.Future[protocol.Reply | protocol.Refused] = asyncio.get_running_loop().create_future()
        self._pending[number] = waiting
        pieces = self._pieces[number] = Pieces(request.answer)
        self._running = (number, type(request).__name__.lower())
        try:
            await connection.settled()
            if not waiting.done():
                connection.send(protocol.Call(number, cast(protocol.AnyRequest, request)))
            reply = await waiting
        finally:
            self._cancelling = None
            self._pending.pop(number, None)
            self._pieces.pop(number, None)
            self._running = None
        if isinstance(reply, protocol.Refused):
            raise as_exception(reply)
        return cast(R, pieces.whole(reply))

    def _receive(self, message: Any) -> None:
        if isinstance(message, protocol.Progress):
            self._tell(message)
        elif isinstance(message, protocol.Items):
            if message.id in self._pieces:
                self._pieces[message.id].take(message)
        elif message.id in self._pending and not self._pending[message.id].done():
            self._pending[message.id].set_result(message)

    def _lost(self, connection: Connection) -> None:
        """The worker has ended: say how, fail what was running, and bring back one that had begun."""
        if self._closing or connection is not self._connection:
            return
        problem = self._why_lost(connection)
        if not connection.greeted and not self._pending:
            self._untold = problem
        self._fail(problem)
        text = str(problem)
        if self._stepping:
            self._stepping = False
            text += "; stepping has ended"
        self._tell(protocol.WorkerState("lost", text))
        # What never began would not begin by trying again and again.
        if self._recovers and connection.greeted and (self._recovering is None or self._recovering.done()):
            self._recovering = asyncio.create_task(self._recover(), name="worker recovery")

    def _why_lost(self, connection: Connection) -> Exception:
        during = f" during {self._running[1]}" if self._running else ""
        if not connection.greeted:
            if self._killed:
                return RequestCancelledError("cancelled while the worker was waited for")
            assert connection.problem is not None
            return connection.problem
        if self._killed:
            return RequestCancelledError(f"the worker did not stop{during} and was killed")
        if self._cancelling is not None:
            return RequestCancelledError(f"cancelled{during}, and the worker with it")
        if isinstance(connection.problem, RequestError):
            return connection.problem
        return ModelEndedError(f"the model's process ended{during}: {connection.problem}")

    async def _recover(self) -> None:
        async with self._lock:
            try:
                await self._spawn()
                if self._recipe is None:
                    return
                done, undone = list(self.journal.done), list(self.journal.undone)
                edits = f", making {things(len(done), 'change')} again" if done else ""
                self._tell(protocol.WorkerState("replaying", f"reopening the model{edits}"))
                await self._carry_out(protocol.Open(recipe=self._recipe))
                for edit in [*done, *reversed(undone)]:
                    await self._carry_out(protocol.Apply(edit=edit))
                for _ in undone:
                    await self._carry_out(protocol.Undo())
                self._tell(protocol.WorkerState("ready", "the model is open again"))
            except (RequestError, ModelEndedError, RequestCancelledError) as problem:
                self._tell(protocol.WorkerState("lost", f"the model could not be reopened: {problem}"))

    def _fail(self, problem: Exception) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(problem)

    async def _ended(self, number: int, seconds: float) -> bool:
        waiting = self._pending.get(number)
        if waiting is not None:
            await asyncio.wait([waiting], timeout=seconds)
        return waiting is None or waiting.done()

    def _tell(self, event: protocol.Event) -> None:
        for listener in list(self.listeners):
            listener(event)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise RequestError(f"the command of --worker does not read: {problem}; close every quote") from None
    if not words:
        raise RequestError("the command of --worker is empty; write, say, 'ssh box python -m inspector.worker'")
    return words

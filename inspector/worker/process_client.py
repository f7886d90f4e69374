"""A client whose engine runs in a child process, which may crash, hang or be killed without harm to the front end."""

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from inspector.core.edits import Journal
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.recipe import Recipe
from inspector.core.results import EditReport
from inspector.core.stops import StepReport
from inspector.core.wording import things
from inspector.worker import protocol
from inspector.worker.client import Client
from inspector.worker.framing import LENGTH_BYTES, frame, length_of
from inspector.worker.log_lines import LogLines
from inspector.worker.process import WorkerProcess

R = TypeVar("R")
SECONDS_TO_LISTEN = 0.5
"""After asking a request to stop, how long until it is interrupted."""
SECONDS_TO_STOP = 2.0
"""After interrupting it, how long until its process is killed."""
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
        self._process: WorkerProcess | None = None
        self._reading: asyncio.Task[None] | None = None
        self._logging: asyncio.Task[None] | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._next = 0
        self._pending: dict[int, asyncio.Future[protocol.Reply | protocol.Refused]] = {}
        self._running: tuple[int, str] | None = None
        self._recipe: Recipe | None = None
        self._killed = False
        self._stepping = False
        """Whether a pass waits in the worker, and is lost with it."""
        self._closing = False

    def launch(self) -> None:
        """Start the process before there is an event loop: it imports torch while the caller imports Textual."""
        self._process = self._launched()

    async def start(self) -> None:
        """Start the worker process, unless it was launched, and listen to it."""
        await self._spawn(self._process)

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
                self.journal.done[:] = request.recipe.edits
                self.journal.undone.clear()
            elif isinstance(request, protocol.Apply):
                assert isinstance(answer, EditReport)  # the answer to an Apply
                self.journal.record(answer.edit)
            elif isinstance(request, protocol.Undo):
                self.journal.undo()
            elif isinstance(request, protocol.Redo):
                self.journal.redo()
            return answer

    def beside(self, recipe: Recipe) -> "Client":
        """A client for another recipe, its worker started by the same command."""
        from inspector.worker.opening import client_for

        return client_for(recipe, self._command)

    async def cancel(self) -> None:
        """Stop the running request: ask, interrupt, kill."""
        if self._running is None or self._process is None:
            return
        number, process = self._running[0], self._process
        self._send(protocol.Call(number, None))
        if await self._ended(number, SECONDS_TO_LISTEN):
            return
        process.interrupt()
        if await self._ended(number, SECONDS_TO_STOP):
            return
        self._killed = True
        self._kill()

    async def close(self) -> None:
        """End the worker and all its processes."""
        self._closing = True
        if self._recovering is not None:
            self._recovering.cancel()
        self._kill()
        if self._process is not None:
            await self._process.wait()
            self._process.close()
        for task in (self._reading, self._logging):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _spawn(self, launched: WorkerProcess | None = None) -> None:
        self._tell(protocol.WorkerState("starting", "starting the worker"))
        process = launched or self._launched()
        self._process = process
        self._killed = False
        replies, log = await process.connect()
        self._reading = asyncio.create_task(self._read(process, replies), name="worker replies")
        if log is not None:
            lines = LogLines(lambda text: self._tell(protocol.Log(text)))
            self._logging = asyncio.create_task(lines.read(log), name="worker log")

    def _launched(self) -> WorkerProcess:
        if self._command:
            arguments = shlex.split(self._command)
        else:
            # -P: a file of the user's named like a module of ours must not take its place.
            start = f"from inspector.worker.child import main; main(onnx={self._onnx})"
            code = f"import sys; sys.path.append({_ROOT!r}); {start}"
            arguments = [sys.executable, "-P", "-c", code]
        return WorkerProcess(arguments, self._capture_output)

    async def _carry_out(self, request: protocol.Request[R]) -> R:
        if self._process is None or not self._process.is_alive():
            await self._spawn()
        self._next += 1
        number = self._next
        waiting: asyncio.Future[protocol.Reply | protocol.Refused] = asyncio.get_running_loop().create_future()
        self._pending[number] = waiting
        self._running = (number, type(request).__name__.lower())
        try:
            self._send(protocol.Call(number, cast(protocol.AnyRequest, request)))
            reply = await waiting
        finally:
            self._pending.pop(number, None)
            self._running = None
        if isinstance(reply, protocol.Refused):
            raise _as_exception(reply)
        return cast(R, msgspec.msgpack.decode(reply.answer, type=request.answer))

    def _send(self, call: protocol.Call) -> None:
        if self._process is not None:
            self._process.send(frame(call))

    async def _read(self, process: WorkerProcess, replies: asyncio.StreamReader) -> None:
        decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(protocol.Message)
        try:
            while True:
                length = length_of(await replies.readexactly(LENGTH_BYTES))
                self._receive(decoder.decode(await replies.readexactly(length)))
        except (asyncio.IncompleteReadError, ValueError, msgspec.DecodeError) as problem:
            if not isinstance(problem, asyncio.IncompleteReadError):
                self._kill()
            self._lost(process, await _status_of(process))

    def _receive(self, message: Any) -> None:
        if isinstance(message, protocol.Hello):
            if message.protocol != protocol.PROTOCOL_VERSION:
                text = f"the worker speaks protocol {message.protocol}, this is {protocol.PROTOCOL_VERSION}"
                self._fail(RequestError(f"{text}; install the same nninspect in both places"))
                return
            self._tell(protocol.WorkerState("ready", f"worker {message.pid} on Python {message.python}"))
        elif isinstance(message, protocol.Progress):
            self._tell(message)
        elif message.id in self._pending and not self._pending[message.id].done():
            self._pending[message.id].set_result(message)

    def _lost(self, process: WorkerProcess, status: int) -> None:
        """The worker has ended: say how, fail what was running, and bring it back."""
        if self._closing or process is not self._process:
            return
        during = f" during {self._running[1]}" if self._running else ""
        if self._killed:
            text = f"the worker did not stop{during} and was killed"
            self._fail(RequestCancelledError(text))
        else:
            text = f"the model's process ended{during}: {_how_it_ended(status)}"
            self._fail(ModelEndedError(text))
        if self._stepping:
            self._stepping = False
            text += "; stepping has ended"
        self._tell(protocol.WorkerState("lost", text))
        if self._recovers and (self._recovering is None or self._recovering.done()):
            self._recovering = asyncio.create_task(self._recover(), name="worker recovery")

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

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _tell(self, event: protocol.Event) -> None:
        for listener in list(self.listeners):
            listener(event)


def _as_exception(refused: protocol.Refused) -> Exception:
    if refused.kind == "cancelled":
        return RequestCancelledError(refused.message)
    problem: Exception
    if refused.kind == "ended":
        problem = ModelEndedError(refused.message)
    elif refused.kind == "internal":
        problem = RequestError(
            f"nninspect failed on this model ({refused.message}); run again with --debug and report it"
        )
    else:
        problem = RequestError(refused.message)
    if refused.traceback:
        problem.add_note(refused.traceback)
    return problem


async def _status_of(process: WorkerProcess) -> int:
    """How a process ended whose replies have. One that has only closed its pipes can say no more, and is ended."""
    try:
        status = await asyncio.wait_for(process.wait(), SECONDS_TO_STOP)
    except TimeoutError:
        status = protocol.PIPES_CLOSED
    if status == protocol.PIPES_CLOSED:
        process.kill_group()
        await process.wait()
    return status


def _how_it_ended(status: int) -> str:
    if status >= 0:
        if status == protocol.PIPES_CLOSED:
            return "its code closed files that it had not opened, and with them the way to nninspect"
        return f"it ended with exit status {status}, as after os._exit({status}) or exit({status}) in native code"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
    meaning = {
        "SIGSEGV": "it read memory that is not its own (segmentation fault)",
        "SIGKILL": "it was killed, by a person or because the machine ran out of memory",
        "SIGABRT": "native code aborted",
        "SIGFPE": "native code divided by zero",
        "SIGBUS": "it read a file or memory that has gone (bus error)",
    }.get(name, "it was stopped by a signal")
    return f"{meaning}, {name}"

"""A client for a module that lives in this process: the same server as a worker's, in a thread of its own or at once.

Nothing here can be killed without the caller's program: what does not stop when it is asked is interrupted, and what
does not listen to that either is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from inspector.core.edits import Journal
from inspector.core.errors import RequestCancelledError
from inspector.core.recipe import InputSpec, Recipe, parse_target
from inspector.worker import protocol
from inspector.worker.answers import SECONDS_TO_LISTEN, SECONDS_TO_STOP, as_exception, note_in
from inspector.worker.client import Client
from inspector.worker.pieces import taken_in
from inspector.worker.serving import Server

if TYPE_CHECKING:
    from torch import nn

    from inspector.engine.live import LiveModel

R = TypeVar("R")
Answer = protocol.Reply | protocol.Refused


class LiveClient:
    """Looks at the caller's own object, and changes it where that is asked for: changes stay when it is closed."""

    def __init__(self, module: nn.Module, in_threads: bool = True) -> None:
        self.in_threads = in_threads
        """Whether requests are carried out in a thread; if not, none ever waits, and no event loop is needed."""
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self._module = module
        self._server = Server(self._opened)
        self._lock = asyncio.Lock()
        self._next = 0
        self._cancelled: set[int] = set()
        self._held: list[int] = []
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._running: tuple[int, asyncio.Future[Answer]] | None = None

    def hold(self, argument: Any, name: str = "") -> InputSpec:
        """The spec of an argument that the caller has, as it is; held until the client is closed, or lets go of it."""
        from inspector.engine.held_arguments import hold

        self._held.append(hold(argument))
        return InputSpec(name=name, held=self._held[-1])

    def let_go(self) -> None:
        """Hold the arguments no longer, whether or not the client was ever started."""
        from inspector.engine.held_arguments import let_go

        for number in self._held:
            let_go(number)

    async def start(self) -> None:
        """Start the thread, where there is to be one."""
        if self.in_threads:
            self._thread = threading.Thread(target=self._serve, daemon=True, name="nninspect model")
            self._thread.start()
        self._tell(protocol.WorkerState("ready", "the model lives in this process"))

    async def request(self, request: protocol.Request[R]) -> R:
        """Carry out a request; see `Client.request`."""
        async with self._lock:
            self._next += 1
            call = protocol.Call(self._next, cast(protocol.AnyRequest, request))
            answer = await self._in_thread(call) if self.in_threads else self._answer(call, self._tell)
            if isinstance(answer, protocol.Refused):
                raise as_exception(answer)
            if self.in_threads:
                decoded = cast(R, await taken_in(answer, request.answer))
            else:
                decoded = cast(R, msgspec.msgpack.decode(answer.answer, type=request.answer))
            note_in(self.journal, request, decoded)
            return decoded

    def beside(self, recipe: Recipe) -> Client:
        """A client for another recipe: of the same object where it is the one that is meant."""
        if parse_target(recipe.target).kind == "live":
            return LiveClient(self._module, self.in_threads)
        from inspector.worker.opening import client_for

        return client_for(recipe)

    async def cancel(self) -> None:
        """Stop the running request: ask, then interrupt the model's own code."""
        if self._running is None:
            return
        number, done = self._running
        self._cancelled.add(number)
        await asyncio.wait([done], timeout=SECONDS_TO_LISTEN)
        if done.done() or self._thread is None:
            return
        from inspector.engine.pytorch.interrupting import interrupt_pass

        interrupt_pass(self._thread)
        await asyncio.wait([done], timeout=SECONDS_TO_STOP)
        if not done.done():
            self._tell(protocol.Log("the pass is in native code, which cannot be stopped; it is waited for"))

    async def close(self) -> None:
        """Leave a pass that waits; the changes that were made stay."""
        if self._thread is not None:
            await self.cancel()
            self._work.put(self._server.end)
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)
        else:
            self._server.end()
        self.let_go()

    def _opened(self, recipe: Recipe) -> LiveModel:
        from inspector.engine.pytorch.model import TorchModel

        return TorchModel.alive(self._module, recipe)

    def _answer(self, call: protocol.Call, tell: Callable[[protocol.Event], None]) -> Answer:
        def progress(done: int, total: int | None, text: str) -> None:
            if call.id in self._cancelled:
                raise RequestCancelledError
            tell(protocol.Progress(call.id, done, total, text))

        from inspector.engine.pytorch.calling import gradients_as_usual

        with gradients_as_usual():
            return self._server.answer(call, progress)

    async def _in_thread(self, call: protocol.Call) -> Answer:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()

        def tell(event: protocol.Event) -> None:
            loop.call_soon_threadsafe(self._tell, event)

        def deliver(answer: Answer) -> None:
            if not done.done():
                done.set_result(answer)

        def work() -> None:
            answer: Answer = protocol.Refused(call.id, "cancelled", "cancelled")
            # An interrupt may come as late as this.
            with contextlib.suppress(KeyboardInterrupt):
                answer = self._answer(call, tell)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for it
                loop.call_soon_threadsafe(deliver, answer)

        self._running = (call.id, done)
        try:
            self._work.put(work)
            return await done
        finally:
            self._running = None

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _tell(self, event: protocol.Event) -> None:
        for listener in list(self.listeners):
            listener(event)

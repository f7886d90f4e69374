"""Requests to the engine: one after another, what is said meanwhile, and what happens when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.worker.client import Client
from inspector.worker.protocol import Event, Log, Open, Progress, Request, Trace, WorkerState

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

R = TypeVar("R")


class Conversation:
    """The application's side of the client."""

    def __init__(self, app: NNInspectApp, client: Client) -> None:
        self._app = app
        self.client = client
        self._working = 0
        self._settled = asyncio.Event()
        self._doing: list[str] = []
        self._details: dict[type[Request[Any]], Request[Any]] = {}
        """Of each kind the request for a panel that is on its way, and the last one wanted meanwhile."""
        self._next_details: dict[type[Request[Any]], Request[Any]] = {}
        self.refusal: RequestError | ModelEndedError | None = None
        """Why the last request that the user asked for has no answer."""

    @property
    def idle(self) -> bool:
        """No request is pending."""
        return not self._working

    @property
    def can_cancel(self) -> bool:
        """Something is being done that the user asked for."""
        return bool(self._doing)

    async def settle(self) -> None:
        """Wait until no request is pending."""
        while not self.idle:
            await self._settled.wait()

    async def start(self) -> None:
        """Start the worker and listen to it."""
        self.client.listeners.append(self._hear)
        try:
            await self.client.start()
        except RequestError as refused:
            self.refusal = refused
            raise

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out work that sends requests, without waiting for it."""
        self._working += 1
        self._settled.clear()
        self._app.run_worker(self._carry(work), exit_on_error=False)

    async def _carry(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as problem:
            self._app.tell("This is a defect of nninspect", f"{type(problem).__name__}: {problem}")
        finally:
            self._working -= 1
            if not self._working:
                self._settled.set()

    async def ask(self, request: Request[R], doing: str, tell: bool = True) -> R | None:
        """Send a request that the user asked for; None where it was refused, cancelled or lost, which is said.

        Without `tell` a refusal is only kept, for a dialog that says it.
        """
        self._doing.append(doing)
        self._app.show_doing(doing)
        self.refusal = None
        try:
            return await self.client.request(request)
        except RequestError as refused:
            self.refusal = refused
            if tell:
                self._app.tell("This could not be done", str(refused))
        except ModelEndedError as ended:
            self.refusal = ended
            self._lost(request, str(ended))
        except RequestCancelledError:
            self._app.say(f"cancelled: {doing}", "$text-warning")
        finally:
            self._doing.remove(doing)
            self._app.show_doing(self._doing[-1] if self._doing else "")
        return None

    def _lost(self, request: Request[Any], sentence: str) -> None:
        kept = len(self.client.journal.done)
        changes = f"\nYour {kept} change{'s are' if kept > 1 else ' is'} kept and made again." if kept else ""
        self._app.tell("The model's own code ended its process", f"{sentence}{changes}")
        # The new process knows the model but no pass; asking a pass that ends the process again would never stop.
        if not isinstance(request, Open | Trace) and self._app.table is not None:
            self._app.trace_again()

    def want_detail(self, request: Request[Any]) -> None:
        """Fetch an answer for a panel; of several of one kind wanted while one is on its way only the last is sent.

        Those of another kind do not wait: the numbers of a large tensor take long to read, a picture of it does not.
        """
        kind = type(request)
        if request == self._details.get(kind):
            return
        self._next_details[kind] = request
        if kind not in self._details:
            self.spawn(self._fetch_details(kind))

    async def _fetch_details(self, kind: type[Request[Any]]) -> None:
        while kind in self._next_details:
            request = self._details[kind] = self._next_details.pop(kind)
            answer: Any
            try:
                answer = await self.client.request(request)
            except (RequestError, ModelEndedError) as problem:
                answer = problem
            except RequestCancelledError:
                answer = RequestError("cancelled; choose the row again to ask again")
            finally:
                self._details.pop(kind, None)
            self._app.keep_detail(request, answer)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Log):
            self._app.log_line(event.line)
        elif isinstance(event, WorkerState):
            self._app.show_worker(event)
        elif isinstance(event, Progress) and self._doing:
            share = f" {event.done}/{event.total}" if event.total else ""
            self._app.show_doing(f"{self._doing[-1]}{share}  {event.text}")

    def cancel(self) -> None:
        """Stop the running request."""
        self._app.run_worker(self.client.cancel(), exit_on_error=False)

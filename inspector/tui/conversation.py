"""Requests to the engine: one after another, what is said meanwhile, and what happens when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.table import ModelTable
from inspector.tui.activity import SAID_AFTER, Activity
from inspector.tui.mistakes import caught
from inspector.tui.opening import trace_again
from inspector.tui.preparing import prepare
from inspector.tui.traceback_page import traceback_of
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
        self._doing: list[Activity] = []
        """In the order in which they were begun, which is that in which a client carries them out."""
        self._under_way: list[type[Request[Any]]] = []
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
        return any(activity.is_shown for activity in self._doing)

    @property
    def under_way(self) -> frozenset[type[Request[Any]]]:
        """The kinds of requests that the user has asked for by name and that have no answer yet."""
        return frozenset(self._under_way)

    async def settle(self) -> None:
        """Wait until no request is pending."""
        while not self.idle:
            await self._settled.wait()

    async def start(self) -> None:
        """Start the worker and listen to it."""
        self.listen(self.client)
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
            with caught(self._app):
                await work
        finally:
            self._working -= 1
            if not self._working:
                self._settled.set()

    async def ask(self, request: Request[R], doing: str, tell: bool = True, other: Client | None = None) -> R | None:
        """Send a request that the user asked for; None where it was refused, cancelled or lost, which is said.

        Without `tell` a refusal is only kept, for a dialog that says it. `other` is the client of another model, where
        the request is not about the one that is open.
        """
        client = other or self.client
        activity = Activity(doing, client)
        self._under_way.append(type(request))
        self._doing.append(activity)
        self._show(activity)
        self._app.look()
        self.refusal = None
        try:
            return await self._answer(client, request)
        except RequestError as refused:
            self.refusal = refused
            if tell:
                self._app.tell("This could not be done", str(refused), traceback_of(refused))
        except ModelEndedError as ended:
            self.refusal = ended
            self._lost(request, str(ended), client is self.client)
        except RequestCancelledError:
            self._app.say(f"cancelled: {doing}", "$text-warning")
        finally:
            self._under_way.remove(type(request))
            self._end(activity)
            self._app.look()
        return None

    async def fetch(self, request: Request[R], doing: str) -> R:
        """Send a request that nobody asked for by name; where it takes long, it is shown and can be cancelled.

        Raises what `Client.request` raises.
        """
        activity = Activity(doing, self.client)
        self._doing.append(activity)
        late = asyncio.get_running_loop().call_later(SAID_AFTER, self._show, activity)
        try:
            return await self._answer(self.client, request)
        finally:
            late.cancel()
            self._end(activity)

    def _show(self, activity: Activity) -> None:
        activity.is_shown = True
        self.show_activity()

    def _end(self, activity: Activity) -> None:
        self._doing.remove(activity)
        self.show_activity()

    async def _answer(self, client: Client, request: Request[R]) -> R:
        answer = await client.request(request)
        table = answer if isinstance(answer, ModelTable) else getattr(answer, "table", None)
        if client is self.client and isinstance(table, ModelTable):
            await prepare(self._app, table)
        return answer

    def _lost(self, request: Request[Any], sentence: str, is_open_model: bool) -> None:
        kept = len(self.client.journal.done) if is_open_model else 0
        changes = f"\nYour {kept} change{'s are' if kept > 1 else ' is'} kept and made again." if kept else ""
        self._app.tell("The model's own code ended its process", f"{sentence}{changes}")
        # The new process knows the model but no pass; asking a pass that ends the process again would never stop.
        if is_open_model and not isinstance(request, Open | Trace) and self._app.table is not None:
            trace_again(self._app)

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
                answer = await self.fetch(request, "working out what the panel shows")
            except (RequestError, ModelEndedError) as problem:
                answer = problem
            except RequestCancelledError:
                answer = RequestCancelledError("cancelled; choose the row again to ask again")
            finally:
                self._details.pop(kind, None)
            self._app.keep_detail(request, answer)

    def listen(self, client: Client) -> None:
        """Show what a client tells meanwhile."""
        client.listeners.append(partial(self._hear, client))

    def _hear(self, client: Client, event: Event) -> None:
        if isinstance(event, Log):
            self._app.log_line(event.line)
        elif isinstance(event, WorkerState):
            self._app.show_worker(event)
        elif isinstance(event, Progress):
            running = next((activity for activity in self._doing if activity.client is client), None)
            if running is not None:
                running.take(event)
                self.show_activity()

    def show_activity(self) -> None:
        """Show what is being done, and how long it has taken; called now and then, as time goes by."""
        self._app.show_doing(self._doing[0].text() if self.can_cancel else "")

    def cancel(self) -> None:
        """Stop the running request."""
        client = self._doing[0].client if self._doing else self.client
        self._app.run_worker(client.cancel(), exit_on_error=False)

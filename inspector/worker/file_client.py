"""A client for a file of tensors on its own: no worker, no torch, only what the file says of itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.core.edits import Journal
from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.table import ModelTable
from inspector.worker import protocol
from inspector.worker.conversing import at_once
from inspector.worker.progress import ProgressSink, Rarely

if TYPE_CHECKING:
    from inspector.core.recipe import Recipe
    from inspector.core.results import KeyExplanation
    from inspector.files.catalog import Catalog
    from inspector.files.explaining_keys import FileKeys
    from inspector.worker.client import Client


R = TypeVar("R")


class FileClient:
    """Answers from the file's catalog and the tensors that it maps, and refuses what needs a model."""

    def __init__(self, in_threads: bool = True) -> None:
        self.in_threads = in_threads
        """Whether files are read in threads; if not, no request ever waits, and no event loop is needed."""
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self._allow_outside = False
        self._cancelled = threading.Event()
        self._catalog: Catalog | None = None
        self._table: ModelTable | None = None
        self._keys: FileKeys | None = None

    async def start(self) -> None:
        """Nothing to start."""
        self._tell(protocol.WorkerState("ready", "no worker is needed to look at a file"))

    async def request(self, request: protocol.Request[Any]) -> Any:
        """Carry out a request; see `Client.request`."""
        if isinstance(request, protocol.Open):
            from inspector.core.collection import no_collection
            from inspector.core.sharing import Sharing
            from inspector.files import open_catalog, table_of

            recipe, target = request.recipe, request.recipe.target
            self._allow_outside = recipe.allow_outside
            if request.recipe.weights is not None:
                raise RequestError(f"{target} is a file of tensors, not a model for --weights; name a model first")
            if recipe.edits:
                raise RequestError(f"{target} is a file of tensors, not a model for --edits; name a model first")
            if recipe.arguments:
                raise RequestError(
                    f"--args are for the class of a model, and {target} is a file of tensors; leave them out, or name "
                    f"the class: nninspect MODEL.py:NAME --weights {target}"
                )

            def read(progress: ProgressSink) -> tuple[Catalog, ModelTable]:
                with no_collection():
                    catalog = open_catalog(target, recipe.allow_outside)
                    sharing = Sharing()
                    sharing.share(catalog.tensors)
                    table = table_of(catalog, target, recipe.inputs)
                    sharing.share(table.rows)
                    sharing.share(table.tensors)
                return catalog, table

            self._catalog, self._table = await self._work(read)
            self._keys = None
            return self._table
        if isinstance(request, protocol.Trace) and self._table is not None:
            return self._table
        catalog = self._catalog
        if isinstance(request, protocol.Values) and catalog is not None:
            from inspector.files.values.report import values_report

            key, index, limit = request.key, request.index, request.limit
            return await self._work(lambda progress: values_report(catalog, key, index, limit))
        if isinstance(request, protocol.DrawValues) and catalog is not None:
            from inspector.files.values.report import values_picture

            settings = request.settings
            return await self._work(lambda progress: values_picture(catalog, settings))
        if isinstance(request, protocol.Explain) and catalog is not None and self._table is not None:
            asked = request.keys
            return await self._work(lambda progress: self._explained(catalog, asked))
        if isinstance(request, protocol.Check) and catalog is not None:
            from inspector.checks.running import check_file

            chosen = request.settings
            return await self._work(lambda progress: check_file(catalog, chosen, progress))
        if isinstance(request, protocol.Diff) and catalog is not None:
            from inspector.files import open_catalog
            from inspector.files.values.differing import diff_catalogs

            other = request.other
            return await self._work(
                lambda progress: diff_catalogs(catalog, open_catalog(other, self._allow_outside), progress)
            )
        raise RequestError(
            "a file of tensors has no model to run or change; open it with its model: nninspect MODEL.py --weights FILE"
        )

    def answer(self, request: protocol.Request[Any], progress: ProgressSink) -> Any:
        """The same at once, without an event loop; of a client that uses no threads."""

        def tell(event: protocol.Event) -> None:
            if isinstance(event, protocol.Progress):
                progress(event.done, event.total, event.text)

        self.listeners[:] = [tell]
        return at_once(self.request(request))

    def _explained(self, catalog: Catalog, keys: list[str]) -> list[KeyExplanation]:
        if self._keys is None:
            from inspector.core.collection import no_collection, pass_over_what_is
            from inspector.files.explaining_keys import FileKeys

            assert self._table is not None
            with no_collection():
                self._keys = FileKeys(catalog, self._table)
            pass_over_what_is()
        return self._keys.explain(keys)

    async def _work(self, work: Callable[[ProgressSink], R]) -> R:
        """Do what reads files; in a thread it is cancelled where it next says how far it is."""
        if not self.in_threads:
            return work(Rarely(lambda done, total, text: self._tell(protocol.Progress(0, done, total, text))))
        import asyncio

        loop, cancelled = asyncio.get_running_loop(), self._cancelled
        cancelled.clear()

        def progress(done: int, total: int | None, text: str) -> None:
            if cancelled.is_set():
                raise RequestCancelledError(f"cancelled while {text}")
            loop.call_soon_threadsafe(self._tell, protocol.Progress(0, done, total, text))

        return await asyncio.to_thread(work, Rarely(progress))

    def _tell(self, event: protocol.Event) -> None:
        for listener in self.listeners:
            listener(event)

    def beside(self, recipe: Recipe) -> Client:
        """A client for another recipe."""
        from inspector.worker.opening import client_for

        return client_for(recipe)

    async def cancel(self) -> None:
        """Stop reading."""
        self._cancelled.set()

    async def close(self) -> None:
        """Nothing to end."""

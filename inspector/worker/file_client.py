"""A client for a file of tensors on its own: no worker, no torch, only what the file says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inspector.core.edits import Journal
from inspector.core.errors import RequestError
from inspector.core.table import ModelTable
from inspector.worker import protocol

if TYPE_CHECKING:
    from inspector.files.catalog import Catalog


class FileClient:
    """Answers from the file's catalog and the tensors that it maps, and refuses what needs a model."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self._catalog: Catalog | None = None
        self._table: ModelTable | None = None

    async def start(self) -> None:
        """Nothing to start."""
        for listener in self.listeners:
            listener(protocol.WorkerState("ready", "no worker is needed to look at a file"))

    async def request(self, request: protocol.Request[Any]) -> Any:
        """Carry out a request; see `Client.request`."""
        if isinstance(request, protocol.Open):
            from inspector.files import open_catalog, table_of

            target = request.recipe.target
            if request.recipe.weights is not None:
                raise RequestError(f"{target} is a file of tensors, not a model for --weights; name a model first")
            self._catalog = await asyncio.to_thread(open_catalog, target)
            self._table = table_of(self._catalog, target)
            return self._table
        if isinstance(request, protocol.Trace) and self._table is not None:
            return self._table
        if isinstance(request, protocol.Values) and self._catalog is not None:
            from inspector.files.values.report import values_report

            asked = request.key, request.index, request.limit
            return await asyncio.to_thread(values_report, self._catalog, *asked)
        raise RequestError(
            "a file of tensors has no model to run or change; open it with its model: nninspect MODEL.py --weights FILE"
        )

    async def cancel(self) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Nothing to end."""

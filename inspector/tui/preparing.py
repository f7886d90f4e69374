"""Getting a large table ready beside the event loop, before it is shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from inspector.core.collection import pass_over_what_is
from inspector.core.table import ModelTable
from inspector.core.tensor_places import TensorPlaces

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

LARGE = 20_000
"""Rows and tensors of a table that is got ready before it is shown."""


async def prepare(app: NNInspectApp, table: ModelTable) -> None:
    """Work out what showing a table takes, beside the event loop where that is longer than a frame."""
    await app.module_tree.prepare(table)
    if len(table.rows) + len(table.tensors) > LARGE:
        app.places = TensorPlaces(table)
        await asyncio.to_thread(app.places.prepare)
        pass_over_what_is()

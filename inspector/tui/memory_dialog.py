"""Asks for which run of the model its memory is to be told."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Select

from inspector.core.memory import DTYPES, OPTIMIZERS, MemorySettings, parse_size
from inspector.core.recipe import LARGEST_COUNT, InputSpec
from inspector.tui.dialog import Dialog, entry, labelled

AS_IT_IS = "as it is"


class MemoryDialog(Dialog[MemorySettings]):
    """Batch, dtype and optimizer."""

    title_text = "How much memory it takes"
    button = "Work out"

    def __init__(self, inputs: list[InputSpec], last: MemorySettings) -> None:
        """`last` is what was asked for before."""
        super().__init__()
        self._inputs = inputs
        self._last = last

    def fields(self) -> Iterable[Widget]:
        """A line for each."""
        shown = next((one.shape[0] for one in self._inputs if one.shape), None)
        batch = self._last.batch or shown
        yield entry("batch", "" if batch is None else str(batch), "batch size", "first axis of the inputs")
        types = [(AS_IT_IS, AS_IT_IS), *((name, name) for name in DTYPES.values())]
        dtype = self._last.dtype or AS_IT_IS
        yield labelled("dtype", Select(types, value=dtype, allow_blank=False, id="dtype", compact=True))
        optimizers = [(text, name) for name, text in OPTIMIZERS.items()]
        chosen = Select(optimizers, value=self._last.optimizer, allow_blank=False, id="optimizer", compact=True)
        yield labelled("optimizer", chosen)
        limit = "" if self._last.limit is None else f"{self._last.limit / 2**30:g}GiB"
        yield entry("limit", limit, "to fit in", "24GiB, say: finds the largest batch")

    def result(self) -> MemorySettings:
        """What was filled in."""
        dtype, optimizer = self.query_one("#dtype", Select).value, self.query_one("#optimizer", Select).value
        batch = None
        if self.text("batch").strip():
            batch = self.whole_number("batch", "the batch size", least=1, most=LARGEST_COUNT)
        return MemorySettings(
            inputs=self._inputs,
            batch=batch,
            dtype=None if dtype == AS_IT_IS else str(dtype),
            optimizer=next(name for name in OPTIMIZERS if name == optimizer),
            limit=parse_size(self.text("limit")) if self.text("limit").strip() else None,
        )

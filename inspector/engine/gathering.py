"""Statistics of all values that passes make, while they are made: cheap beside the pass, nothing of it kept."""

import weakref
from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy
import torch

from inspector.core.results import Statistics
from inspector.engine.counted_statistics import statistics_of
from inspector.engine.counting import NEIGHBOURS, Array, Bounds, Counts, Fetching, count, fetched, fetching
from inspector.engine.statistics import UNKNOWN, plain

SHOWN = 1 << 11
"""Elements that a histogram counts, about, over all passes."""
BLOCK = 1 << 23
"""Bytes set aside at a time for what is kept of the values."""

Key = TypeVar("Key", bound=Hashable)


class _Room:
    """Memory for what is kept of a pass: pieces among the values would keep the system from using theirs again."""

    def __init__(self) -> None:
        self._block = numpy.empty(0, numpy.uint8)
        self._used = 0

    def keep(self, array: Array) -> Array:
        """A copy."""
        if self._used + array.nbytes > self._block.nbytes:
            self._block, self._used = numpy.empty(max(BLOCK, array.nbytes), numpy.uint8), 0
        kept = self._block[self._used : self._used + array.nbytes].view(array.dtype)
        # The next begins where every type may.
        self._used += -(-array.nbytes // 8) * 8
        kept[...] = array
        return kept


class Gathering(Generic[Key]):
    """Takes the values of one pass or of several, each under its key."""

    def __init__(self, passes: int = 1) -> None:
        self._shown = max(NEIGHBOURS, SHOWN // passes)
        self._room = _Room()
        self._parts: dict[Key, list[Counts | Fetching]] = {}
        self._by_channel: dict[Key, bool] = {}
        self._latest: tuple[weakref.ref[torch.Tensor], int | None, bool, Counts | Fetching] | None = None

    @torch.no_grad()
    def take(self, key: Key, tensor: torch.Tensor, bounds: Bounds | None = None) -> None:
        """Count `tensor` to the value `key`; `bounds` are what its elements saturate at."""
        found = self._seen(tensor, bounds)
        values = plain(tensor) if found is None else None
        if values is not None and values.numel():
            found = self._counted(values, bounds)
            self._latest = (weakref.ref(tensor), _version(tensor), bounds is not None, found)
        parts = self._parts.setdefault(key, [])
        if found is not None:
            parts.append(found)
            self._by_channel[key] = tensor.dim() >= 2

    def statistics(self) -> dict[Key, Statistics]:
        """Of every key, in the order in which they came first."""
        here = fetched(part for parts in self._parts.values() for part in parts if isinstance(part, Fetching))
        told = {}
        for key, parts in self._parts.items():
            counts = [here[id(part)] if isinstance(part, Fetching) else part for part in parts]
            told[key] = statistics_of(counts, self._by_channel[key]) if counts else UNKNOWN
        return told

    def _counted(self, values: torch.Tensor, bounds: Bounds | None) -> Counts | Fetching:
        if values.device.type != "cpu":
            return fetching(values, bounds, self._shown)
        return count(values, bounds, self._shown, self._room.keep)

    def _seen(self, tensor: torch.Tensor, bounds: Bounds | None) -> Counts | Fetching | None:
        """What a container returns is most often what its last module did."""
        if self._latest is None:
            return None
        before, version, bounded, found = self._latest
        unchanged = before() is tensor and version is not None and version == _version(tensor)
        return found if unchanged and bounded == (bounds is not None) else None


def _version(tensor: torch.Tensor) -> int | None:
    """Counts the changes in place; None where nobody does."""
    return None if tensor.is_inference() else tensor._version

"""Tensors with what their values tell, of which rules are made."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from inspector.files.values.health import Health, health_of
from inspector.files.values.reading import Array
from inspector.files.values.statistics import plain

MOST_CHANNELS = 1 << 20


class Measured(NamedTuple):
    """A tensor with what its values tell."""

    key: str
    shape: list[int]
    dtype: str
    health: Health
    channels: Array | None = None
    """The values of a tensor of one axis, to be held against others of its module; None above MOST_CHANNELS."""
    is_constant: bool = False
    """A number that the model was written with, which no training made."""

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """The rest of its key."""
        return self.key.rpartition(".")[0]


def measure(key: str, dtype: str, array: Array, tick: Callable[[int], None] = lambda read: None) -> Measured:
    """Go once through the values of a tensor of at least one element; see `health_of` for `tick`."""
    channels = np.array(plain(array), np.float64) if array.ndim == 1 and array.size <= MOST_CHANNELS else None
    return Measured(key, list(array.shape), dtype, health_of(array, tick), channels)

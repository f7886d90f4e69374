"""A tensor's numbers, each worked out when it is asked for."""

import torch

from inspector.core.results import Statistics
from inspector.engine.statistics import UNKNOWN, statistics


class MeasuredTensor:
    """A tensor for conditions and stops; see `inspector.core.tensor_conditions.Measured`."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor
        self._statistics: Statistics | None = None

    @property
    def shape(self) -> list[int]:
        """Its sizes; none where it is nested."""
        return [] if self._tensor.is_nested else list(self._tensor.shape)

    @property
    def dtype(self) -> str:
        """Without ``torch.``."""
        return str(self._tensor.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """As torch writes it."""
        return str(self._tensor.device)

    @property
    def statistics(self) -> Statistics:
        """All numbers, without a histogram."""
        if self._statistics is None:
            try:
                self._statistics = statistics(self._tensor, histogram=False)
            except (RuntimeError, NotImplementedError, TypeError):
                # Nested tensors, and what torch stores but does not calculate with.
                self._statistics = UNKNOWN
        return self._statistics

    def number(self, name: str) -> float | None:
        """One of `tensor_conditions.NUMBERS`; None where there is no such number."""
        if name == "dims":
            return len(self.shape)
        if name == "elements":
            return self._tensor.numel()
        if name in ("nan", "inf", "absmax") and self._statistics is None:
            largest = _finite_absmax(self._tensor)
            if largest is not None:
                return largest if name == "absmax" else 0
        found = self.statistics
        if found is UNKNOWN:
            return None
        if name == "absmax":
            if found.inf or found.min is None or found.max is None:
                return float("inf") if found.inf else None
            return max(abs(found.min), abs(found.max))
        number: float | None = getattr(found, name)
        return number


def _finite_absmax(tensor: torch.Tensor) -> float | None:
    """The largest absolute value by the cheapest reduction; None where it takes more, or a value is not finite."""
    if tensor.dtype not in (torch.float32, torch.float64) or tensor.layout != torch.strided or tensor.is_meta:
        return None
    if not tensor.numel():
        return None
    low, high = map(float, tensor.detach().aminmax())
    largest = max(abs(low), abs(high))
    return largest if largest < float("inf") else None

"""The tensors at a stop in numbers: for people, and for conditions."""

import reprlib
from itertools import islice
from typing import Any

import torch
from torch import nn

from inspector.core.results import Statistics
from inspector.core.stops import StopValue
from inspector.engine.pytorch.nested import any_tensor
from inspector.engine.pytorch.running import named_tensors
from inspector.engine.pytorch.structure import dtype_name
from inspector.engine.statistics import UNKNOWN, statistics

MOST_TENSORS = 16
"""Of one list, dictionary and the like."""
LONGEST_TEXT = 200
LONGEST_PRINTED = 8000
_CONTAINERS = (str, bytes, list, tuple, dict, set, frozenset)
_short = reprlib.Repr()
_short.maxstring = _short.maxother = LONGEST_TEXT


class MeasuredTensor:
    """A tensor of which numbers are worked out when they are asked for; see `tensor_conditions.Measured`."""

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
        return dtype_name(self._tensor.dtype)

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


class StopValues:
    """Describes the values at one stop; each tensor's numbers are worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, MeasuredTensor] = {}

    def described(self, value: Any, name: str) -> list[StopValue]:
        """A value in records: each of its tensors, with the expression that gives it; else the whole in a few words."""
        tensors = named_tensors(value, name) if any_tensor(value) else []
        if not tensors:
            return [StopValue(name=name, type=type(value).__name__, text=brief(value))]
        listed = [self._tensor(tensor, expression) for expression, tensor in islice(tensors, MOST_TENSORS)]
        if len(tensors) > MOST_TENSORS:
            text = f"{len(tensors) - MOST_TENSORS} tensors more"
            listed.append(StopValue(name=name, type=type(value).__name__, text=text))
        return listed

    def _tensor(self, tensor: torch.Tensor, name: str) -> StopValue:
        kind = type(tensor).__name__
        if nn.parameter.is_lazy(tensor):
            return StopValue(name=name, type=kind, text="not initialised yet")
        # The statistics hold on to the tensor, so its identity stays its own.
        measured = self._known.setdefault(id(tensor), MeasuredTensor(tensor))
        return StopValue(
            name=name,
            type=kind,
            shape=None if tensor.is_nested else measured.shape,
            dtype=measured.dtype,
            device=measured.device,
            requires_grad=tensor.requires_grad,
            statistics=measured.statistics,
        )


def brief(value: Any) -> str:
    """A value that is no tensor in a few words; what its own ``__repr__`` raises is said instead."""
    if isinstance(value, nn.Module):
        return f"{type(value).__name__}(…)" if value._modules else _one_line(str(value))
    try:
        return _one_line(_short.repr(value))
    except Exception as problem:
        return f"({type(problem).__name__} while printing)"


def printed(value: Any) -> str:
    """A value as Python prints it, the first of its lines where they are many."""
    try:
        # torch and numpy shorten what is large themselves.
        text = _short.repr(value) if isinstance(value, _CONTAINERS) else str(value)
    except Exception as problem:
        return f"({type(problem).__name__} while printing)"
    return text if len(text) <= LONGEST_PRINTED else text[:LONGEST_PRINTED] + "…"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"

"""The values at a stop as records."""

import reprlib
from itertools import islice
from typing import Any

import torch
from torch import nn

from inspector.core.stops import StopValue
from inspector.engine.measured import MeasuredTensor
from inspector.engine.pytorch.nested import any_tensor, named_tensors

MOST_TENSORS = 16
"""Of one list, dictionary and the like."""
LONGEST_TEXT = 200
LONGEST_PRINTED = 8000
_CONTAINERS = (str, bytes, list, tuple, dict, set, frozenset)
_short = reprlib.Repr()
_short.maxstring = _short.maxother = LONGEST_TEXT


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

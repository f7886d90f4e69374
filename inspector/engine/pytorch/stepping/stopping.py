"""Stops as records."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from inspector.core.stops import Stop, StopValue
from inspector.core.table import Failure
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.places import holdings_of, places_of
from inspector.engine.pytorch.stepping.frames import described_frames
from inspector.engine.pytorch.stepping.stepper import Here, row_of
from inspector.engine.pytorch.stepping.stop_values import StopValues

IndexOf = Callable[[str, str, bool, int], int | None]
"""Of a row in the table: by its path, type, whether it is a function, and the number of its call."""


class StopWriter:
    """Describes the moments at which a pass of a model waits."""

    def __init__(self, model: nn.Module, index_of: IndexOf) -> None:
        places = places_of(model)
        self._paths: dict[int, list[str]] = {}
        for place in places:
            self._paths.setdefault(id(place.module), []).append(place.path)
        self._keys = {id(holding.tensor): holding.key for holding in holdings_of(places)}
        self._index_of = index_of

    def written(self, here: Here, number: int, failure: Failure | None = None) -> Stop:
        """The `number`-th stop of a pass."""
        values = StopValues()
        call = here.call
        outputs = values.described(here.output, "output") if here.moment == "after" and failure is None else []
        return Stop(
            number=number,
            row=row_of(here, self._index_of(call.path, call.type, call.is_function, here.number)),
            moment=here.moment,
            why=here.why,
            breakpoint=here.breakpoint,
            depth=here.depth,
            arguments=self._arguments(here, values),
            outputs=outputs,
            changes=list(here.changes),
            frames=described_frames(here.frames, self._paths, values),
            failure=failure,
        )

    def _arguments(self, here: Here, values: StopValues) -> list[StopValue]:
        """Under the names of the forward's parameters; a function's as the caller's line knows them."""
        if here.call.module is not None:
            given = _bound(here.call, here.args, here.kwargs)
        else:
            local = here.frames[0].frame.f_locals if here.frames else {}
            named = {id(value): name for name, value in local.items() if isinstance(value, torch.Tensor)}
            given = [
                (named.get(id(value)) or self._keys.get(id(value)) or f"args[{at}]", value)
                for at, value in enumerate(here.args)
            ]
            given += list(here.kwargs.items())
        return [one for name, value in given for one in values.described(value, name)]


def _bound(call: CallRecord, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    try:
        assert call.module is not None
        bound = inspect.signature(call.module.forward).bind(*args, **kwargs)
    except (TypeError, ValueError, AssertionError):
        return [(f"args[{at}]", value) for at, value in enumerate(args)] + list(kwargs.items())
    return list(bound.arguments.items())

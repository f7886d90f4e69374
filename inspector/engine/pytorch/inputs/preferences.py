"""What calls that succeed would rather have taken."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.inputs.call_wants import (
    INTEGERS,
    WANTED,
    Call,
)
from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.usual import SEQUENCE
from inspector.engine.pytorch.inputs.wants import INSERTED, SAMPLES, Want
from inspector.engine.pytorch.op_calls import canonical_name


def preferred(
    model: nn.Module, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tracker: OriginTracker, path: str
) -> list[Want]:
    """What a call that succeeds would rather have taken: a batch, indices up to the last row of a table, …

    The call is one that the module of `model` at `path` made.
    """
    name = canonical_name(func)
    call = Call(name, args, kwargs, tracker)
    if name == "embedding":
        index, weight = call.tensor(0, "input"), call.tensor(1, "weight")
        if index is not None and weight is not None and index.dtype in INTEGERS:
            wants = call.want(index, high=weight.shape[0])
            return [want for want in wants if any(origin.same_values for origin in want.origins)]
    elif name.startswith("conv") and name[-1] == "d":
        x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
        if x is not None and weight is not None and x.ndim == weight.ndim - 1:
            return [replace(want, why=f"{name} of a batch") for want in WANTED[name](call)]
    elif name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and isinstance(args[0], torch.Tensor) and args[0].ndim == 3:
        return _made_a_batch(call, args[0])
    elif name == "multi_head_attention_forward" and isinstance(args[0], torch.Tensor) and args[0].ndim == 2:
        layer = model.get_submodule(path)
        return _unbatched(call, args[0], 0 if getattr(layer, "batch_first", False) else 1)
    elif name in ("transpose", "swapaxes", "swapdims") and isinstance(args[0], torch.Tensor) and args[0].ndim == 2:
        # Counted from the end, for there are more in front.
        axes = [call.get(1, "dim0"), call.get(2, "dim1")]
        return _unbatched(call, args[0], 0) if sorted(map(str, axes)) == ["-1", "-2"] else []
    elif name in ("view", "reshape") and isinstance(args[0], torch.Tensor):
        return _suspicious_view(call, args[0])
    return []


def _unbatched(call: Call, x: torch.Tensor, samples: int) -> list[Want]:
    """One sequence, where there is usually a batch of them, along the axis `samples`.

    Not of what was a batch, and lost its axis of time on the way.
    """
    wants = call.want(x, shape=(None,) * 3, free=_batch_of_sequences(samples), why=f"{call.name} of a batch")
    return [want for want in wants if all(call.tracker.ranks[one.name] <= x.ndim for one in want.origins)]


def _batch_of_sequences(samples: int) -> tuple[int | None, ...]:
    return (SAMPLES, SEQUENCE, None) if samples == 0 else (SEQUENCE, SAMPLES, None)


def _made_a_batch(call: Call, x: torch.Tensor) -> list[Want]:
    """A sequence that the layer made a batch of one of: its input may well be one."""
    found = []
    for want in call.want(x, why=f"{call.name} of a batch"):
        for origin in want.origins:
            kept = [place for place, axis in enumerate(origin.axes) if axis != INSERTED]
            if len(kept) == 2:
                axes = tuple(origin.axes[place] for place in kept)
                got = tuple(want.got[place] for place in kept)
                lifted = replace(origin, axes=axes)
                free = _batch_of_sequences(origin.axes.index(INSERTED)) if INSERTED in origin.axes else ()
                found.append(replace(want, origins=(lifted,), got=got, shape=(None,) * 3, free=free))
    return found


def _suspicious_view(call: Call, x: torch.Tensor) -> list[Want]:
    """``x.view(-1, 400)`` of a map with more elements, or ``x.view(16, -1)``, makes several samples of one.

    Nothing fails there.
    """
    rest = call.args[1:]
    target = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], list | tuple) else list(rest)
    if len(target) != 2 or x.ndim < 3 or not all(isinstance(size, int) for size in target):
        return []
    if target[1] == -1 and target[0] > x.shape[0]:
        return call.want(x, shape=(target[0], *[None] * (x.ndim - 1)), why="view")
    if target[0] != -1:
        return []
    each_sample = prod(x.shape[1:])
    merged = {prod(x.shape[place:]) for place in range(1, x.ndim + 1)}
    if target[1] in merged or not each_sample:
        return []
    return [replace(want, multiple=target[1], why="view") for want in call.want(x)]

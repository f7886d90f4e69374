"""By which number a pass failed, where the failing call compares one that the input's size makes with a fixed one."""

from math import prod
from typing import Any

import torch

from inspector.core.solving_sizes import Mismatch
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.recording import CallRecord, FailedCall, Recorder, calls_of

_ELEMENTWISE = {"add", "sub", "mul", "div", "iadd", "radd", "isub", "rsub", "imul", "rmul"}


def size_mismatch(recorder: Recorder, spatial: int) -> Mismatch | None:
    """What the call that failed was given and what it takes; `spatial` is the number of the input's spatial axes."""
    call = recorder.failed_call
    numbers = None if call is None else _compared(call)
    if numbers is None or numbers[0] == numbers[1] or recorder.root is None:
        return None
    got, wanted = numbers
    return Mismatch(got=got, wanted=wanted, sizes=_flattened(recorder.root, got, spatial))


def _compared(call: FailedCall) -> tuple[int, int] | None:
    tensors = [tensor for tensor in tensors_in((call.args, call.kwargs)) if tensor.ndim]
    name = canonical_name(call.func)
    if len(tensors) < 2 and name != "layer_norm":
        return None
    if name == "linear":
        return tensors[0].shape[-1], tensors[1].shape[-1]
    if name in ("matmul", "mm", "bmm", "addmm"):
        left, right = tensors[-2:]
        return left.shape[-1], right.shape[-2] if right.ndim > 1 else right.shape[0]
    if name == "layer_norm":
        return _normalised(tensors[0], call.args[1] if len(call.args) > 1 else call.kwargs.get("normalized_shape"))
    if name in _ELEMENTWISE:
        return _broadcast(call, tensors)
    return None


def _normalised(tensor: torch.Tensor, shape: Any) -> tuple[int, int] | None:
    wanted = list(shape or [])
    pairs = zip(tensor.shape[-len(wanted) :], wanted, strict=False) if wanted else ()
    return next(((int(got), int(size)) for got, size in pairs if got != size), None)


def _broadcast(call: FailedCall, tensors: list[torch.Tensor]) -> tuple[int, int] | None:
    """A tensor that does not fit to one that the model holds, such as a table of positions."""
    held = [tensor for tensor in tensors if id(tensor) in call.keys]
    made = [tensor for tensor in tensors if id(tensor) not in call.keys]
    if len(held) != 1 or len(made) != 1:
        return None
    pairs = zip(reversed(made[0].shape), reversed(held[0].shape), strict=False)
    return next(((int(got), int(size)) for got, size in pairs if got != size and 1 not in (got, size)), None)


def _flattened(root: CallRecord, got: int, spatial: int) -> tuple[int, ...]:
    """The spatial sizes of the last map with as many elements in each sample as `got`."""
    found: tuple[int, ...] = ()
    for call in calls_of(root):
        for shape in call.output_shapes:
            if len(shape) == spatial + 2 and prod(shape[1:]) == got:
                found = tuple(shape[2:])
    return found

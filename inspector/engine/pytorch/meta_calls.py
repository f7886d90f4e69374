"""Functions called in a pass on meta tensors, which keep up the appearance of an ordinary device.

Tensors made inside the model are meta too, and ``x.device`` answers with the model's own.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._device import _device_constructors

from inspector.engine.pytorch.costs import OperationCounter
from inspector.engine.pytorch.counted_positions import note_positions, refuse_positions_beyond
from inspector.engine.pytorch.meta_gaps import laid_out_as_elsewhere, refuse_as_elsewhere
from inspector.engine.pytorch.mixed_dtypes import mixed_dtypes
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.repeated_calls import RepeatedCalls, autocasting
from inspector.engine.pytorch.stand_ins import NeedsValuesError, as_meta

_MOVES = {torch.Tensor.cpu, torch.Tensor.cuda}


def _getter(name: str) -> Any:
    return getattr(torch.Tensor, name).__get__


_APPEARANCES: dict[Any, Callable[[torch.device], Any]] = {
    _getter("device"): lambda device: device,
    _getter("is_meta"): lambda device: device.type == "meta",
    _getter("is_cpu"): lambda device: device.type == "cpu",
    _getter("is_cuda"): lambda device: device.type == "cuda",
    torch.Tensor.get_device: lambda device: -1 if device.index is None else device.index,
}
"""What tells the device of a tensor, by the device where it seems to be."""
_TELLING_VALUES = {torch.Tensor.__format__, torch.Tensor.numpy, torch.Tensor.__array__, torch.Tensor.tolist}


class MetaCalls:
    """Calls a function on stand-ins; `device` is where they seem to be. To be given to a recorder as its `run`.

    Unless `repeated`, torch works every call out, seen by modes that are told of operators.
    """

    def __init__(self, device: torch.device, counter: OperationCounter | None, repeated: bool = True) -> None:
        self._device = device
        self._constructors = _device_constructors()
        self._run = RepeatedCalls(self._on_meta, counter) if repeated else self._on_meta

    def __call__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `func` returns. Raises NeedsValuesError where only values would tell, else what `func` raises."""
        if func in _APPEARANCES:
            return _APPEARANCES[func](self._device)
        if func in _TELLING_VALUES:
            raise NeedsValuesError(f"{canonical_name(func)} tells values")
        if autocasting():
            raise NeedsValuesError("autocast chooses dtypes by the device, not for tensors without values")
        refuse_positions_beyond(func, args, kwargs)
        result = self._run(func, args, kwargs)
        note_positions(func, args, kwargs, result)
        return result

    def _on_meta(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func in self._constructors:
            return func(*args, **{**kwargs, "device": "meta"})
        if func in _MOVES:
            return args[0]
        if func is torch.Tensor.to:
            args, kwargs = _without_device(args, kwargs)
            if len(args) == 1 and not kwargs:
                return args[0]
        elif kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": "meta"}
        if any(not tensor.is_meta for tensor in tensors_in((args, kwargs))):
            args, kwargs = with_tensors((args, kwargs), _on_meta_already)
        refuse_as_elsewhere(func, args, kwargs)
        mixed = mixed_dtypes(func, args, kwargs)
        if mixed:
            raise NeedsValuesError(f"whether {canonical_name(func)} takes {' and '.join(mixed)} shows only then")
        if func is torch.Tensor.type and len(args) == 1 and not kwargs:
            raise NeedsValuesError("the type's name tells the device")
        return laid_out_as_elsewhere(func, args, kwargs, func(*args, **kwargs))


def _without_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of ``x.to(…)`` less the device."""
    kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "non_blocking", "copy")}
    kept = [args[0]]
    for value in args[1:]:
        if isinstance(value, torch.Tensor):
            kept.append(value.dtype)
        elif isinstance(value, torch.dtype):
            kept.append(value)
    return tuple(kept), kwargs


def _on_meta_already(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.is_meta else as_meta(tensor)

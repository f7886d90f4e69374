"""Tensors as arrays of numpy, for what is told of values alone."""

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]
_BY_BITS = {
    torch.bfloat16: (torch.int16, ml_dtypes.bfloat16),
    torch.float8_e4m3fn: (torch.uint8, ml_dtypes.float8_e4m3fn),
    torch.float8_e4m3fnuz: (torch.uint8, ml_dtypes.float8_e4m3fnuz),
    torch.float8_e5m2: (torch.uint8, ml_dtypes.float8_e5m2),
    torch.float8_e5m2fnuz: (torch.uint8, ml_dtypes.float8_e5m2fnuz),
}
"""Dtypes that numpy itself lacks: the integers of the same width, and what they are then taken for."""


def array_of(tensor: torch.Tensor) -> Array | None:
    """The values of a tensor, its own memory where it lies on the CPU; None where it has none to look at.

    None for tensors on meta, uninitialised, sparse, or of a dtype that numpy and `ml_dtypes` both lack.
    """
    if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta or tensor.layout != torch.strided:
        return None
    values = tensor.detach()
    values = (values.int_repr() if values.is_quantized else values).resolve_conj().resolve_neg().cpu()
    integers, kept = _BY_BITS.get(values.dtype, (values.dtype, None))
    try:
        array: Array = values.view(integers).numpy()
    except (TypeError, RuntimeError):
        return None
    return array if kept is None else array.view(np.dtype(kept))


def tensor_over(array: Array) -> torch.Tensor:
    """A tensor over the memory of an array that may be written to, whether or not it says so; else over a copy.

    Raises TypeError for a dtype that torch lacks.
    """
    if not array.flags.aligned or 0 in array.shape:
        return tensor_of(array)
    own = array.view()
    try:
        own.flags.writeable = True
    except ValueError:
        return tensor_of(array)
    return _as_tensor(own)


def tensor_of(array: Array) -> torch.Tensor:
    """A tensor with the values of an array, in memory of its own. Raises TypeError for a dtype that torch lacks."""
    return _as_tensor(np.ascontiguousarray(array).reshape(array.shape).copy())


def _as_tensor(own: Array) -> torch.Tensor:
    for dtype, (integers, kept) in _BY_BITS.items():
        if own.dtype == np.dtype(kept):
            whole = torch.from_numpy(own.view(np.int16 if integers is torch.int16 else np.uint8))
            return whole.view(dtype)
    return torch.from_numpy(own)

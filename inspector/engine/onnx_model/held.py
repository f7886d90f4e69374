"""What a value of a graph is in memory: a tensor of torch, or what torch lacks as NumPy has it."""

import pprint
from typing import Any

import ml_dtypes
import numpy
import torch

from inspector.engine.arrays import Array, array_of, tensor_of
from inspector.engine.onnx_model.rows import Value

Held = torch.Tensor | Array | list[Any] | dict[Any, Any] | None
"""A tensor; an array of text or of a type that torch lacks; a sequence; a map; None for an optional without a value,
and for what is not known."""
_LONGEST_TEXT = 4000
_WIDER = {
    numpy.dtype(ml_dtypes.int4): torch.int16,
    numpy.dtype(ml_dtypes.uint4): torch.int16,
    numpy.dtype(ml_dtypes.int2): torch.int16,
    numpy.dtype(ml_dtypes.uint2): torch.int16,
    numpy.dtype(ml_dtypes.float4_e2m1fn): torch.float32,
    numpy.dtype(ml_dtypes.float8_e8m0fnu): torch.float32,
}
"""Types that torch lacks, and the ones of torch that hold all their values."""


def held(value: Any) -> Held:
    """What NumPy has, as it is held here: over the same memory where that may be written to."""
    if value is None or isinstance(value, dict | torch.Tensor):
        return value
    if isinstance(value, list | tuple):
        return [held(one) for one in value]
    array = numpy.asarray(value)
    if array.dtype.kind in "OSU":
        return array.astype(object)
    if array.dtype.kind in "iu" and array.dtype.isbuiltin == 1:
        # NumPy has two types for integers of a width, of which torch knows one.
        array = array.view(f"{array.dtype.kind}{array.dtype.itemsize}")
    if array.dtype.isbuiltin == 1 and array.flags.writeable and array.flags.c_contiguous:
        return torch.from_numpy(array)
    try:
        return tensor_of(array)
    except TypeError:
        return array


def as_numpy(value: Held) -> Any:
    """The same as NumPy has it, with the types of `ml_dtypes`."""
    if isinstance(value, torch.Tensor):
        return array_of(value.contiguous())
    if isinstance(value, list):
        return [as_numpy(one) for one in value]
    return value


def measurable(value: Held) -> torch.Tensor | None:
    """The numbers in a value that is a tensor of numbers, as torch has them; None for all else."""
    if isinstance(value, numpy.ndarray):
        wider = _WIDER.get(value.dtype)
        if wider is None:
            return None
        return torch.from_numpy(value.astype(numpy.float32)).to(wider)
    return value if isinstance(value, torch.Tensor) else None


def described(value: Held) -> Value:
    """Its shape and dtype, as far as it has them."""
    if isinstance(value, torch.Tensor):
        return Value(list(value.shape), str(value.dtype).removeprefix("torch."))
    if isinstance(value, numpy.ndarray):
        return Value(list(value.shape), "string" if value.dtype == object else str(value.dtype))
    return Value(None, "sequence" if isinstance(value, list) else "map" if isinstance(value, dict) else None)


def text_of(value: Held) -> str:
    """The value as torch prints it, or as NumPy or Python do, shortened where it is long."""
    text = str(value) if isinstance(value, torch.Tensor | numpy.ndarray) else pprint.pformat(value, width=100)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"

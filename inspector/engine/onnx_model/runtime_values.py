"""Values handed to onnxruntime, and taken from it.

It takes and gives most tensors as `OrtValue`, also those of types that NumPy lacks; but text, sequences, maps and
optionals only as Python's own objects, and then no tensors of the types that NumPy lacks.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto

from inspector.engine.onnx_model.held import Held, as_numpy, held
from inspector.engine.onnx_model.initializers import dtype_name, written_out
from inspector.engine.onnx_model.torch_values import VIEWED

_PACKED = {
    dtype_name(code): code
    for code in (
        TensorProto.INT4,
        TensorProto.UINT4,
        TensorProto.FLOAT4E2M1,
        TensorProto.INT2,
        TensorProto.UINT2,
        TensorProto.FLOAT8E8M0,
    )
}
"""Types that neither NumPy nor torch has, by name."""
_OBJECTS = ("seq(", "map(", "optional(", "tensor(string)")
_BYTES = tuple(f"tensor({name}" for name in ("bfloat16", "float8", "float4", "int4", "uint4", "int2)", "uint2)"))


def lent_value(value: Held) -> Any:
    """What onnxruntime is given: an `OrtValue`, over the tensor's own memory where it can be, else plain objects."""
    if isinstance(value, torch.Tensor):
        return _lent_tensor(value)
    if isinstance(value, numpy.ndarray) and str(value.dtype) in _PACKED:
        code = _PACKED[str(value.dtype)]
        packed = onnx.numpy_helper.from_array(value).raw_data
        room = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(value.shape), code)
        ctypes.memmove(room.data_ptr(), packed, len(packed))
        return room
    return as_numpy(value)


def results_of(
    session: onnxruntime.InferenceSession,
    names: list[str],
    inputs: Mapping[str, Any],
    options: onnxruntime.RunOptions,
) -> dict[str, Held]:
    """Run, and give the values of these outputs by name, in their order.

    Where some are plain objects a second run gives those. What onnxruntime can give in no way is None.
    """
    types = {one.name: str(one.type) for one in session.get_outputs()}
    objects = [name for name in names if types[name].startswith(_OBJECTS)]
    found: dict[str, Held] = {}
    if all(isinstance(value, onnxruntime.OrtValue) for value in inputs.values()):
        tensors = [name for name in names if name not in objects]
        if tensors:
            made = session.run_with_ort_values(tensors, dict(inputs), options)
            found |= zip(tensors, map(_held_value, made), strict=True)
    else:
        objects = [name for name in names if not types[name].startswith(_BYTES)]
    if objects:
        found |= zip(objects, map(held, session.run(objects, dict(inputs), options)), strict=True)
    return {name: found.get(name) for name in names}


def _lent_tensor(tensor: torch.Tensor) -> onnxruntime.OrtValue:
    for data_type, (bits, dtype) in VIEWED.items():
        if tensor.dtype == dtype:
            array = tensor.contiguous().view(torch.uint8 if bits is numpy.uint8 else torch.uint16).numpy()
            return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array, data_type)
    return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.contiguous().numpy())


def _held_value(value: onnxruntime.OrtValue) -> Held:
    if not value.has_value() or not value.is_tensor():
        return None
    code, shape = value.element_type(), list(value.shape())
    if code not in VIEWED and code not in _PACKED.values():
        return held(value.numpy())
    # NumPy has no such numbers: take the bytes as they are.
    raw = bytearray(ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes()))
    if code in _PACKED.values():
        return written_out(TensorProto(dims=shape, data_type=code, raw_data=bytes(raw)))
    dtype = VIEWED[code][1]
    flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    return flat.reshape(shape)

"""The values of initializers and constants, in the file or beside it, as torch tensors and back."""

from math import prod
from pathlib import Path
from typing import Any

import numpy
import onnx
import torch
from onnx import TensorProto
from onnx.external_data_helper import load_external_data_for_tensor

from inspector.core.errors import RequestError

_BITS: dict[int, int] = {
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.UINT2: 2,
    TensorProto.INT2: 2,
}
VIEWED: dict[int, tuple[type[numpy.unsignedinteger[Any]], torch.dtype]] = {
    TensorProto.BFLOAT16: (numpy.uint16, torch.bfloat16),
    TensorProto.FLOAT8E4M3FN: (numpy.uint8, torch.float8_e4m3fn),
    TensorProto.FLOAT8E4M3FNUZ: (numpy.uint8, torch.float8_e4m3fnuz),
    TensorProto.FLOAT8E5M2: (numpy.uint8, torch.float8_e5m2),
    TensorProto.FLOAT8E5M2FNUZ: (numpy.uint8, torch.float8_e5m2fnuz),
}
"""Types that NumPy lacks and torch has: the integers of the same width, and torch's type."""
_FLOATING = ("float", "bfloat", "complex")


def read_values(tensor: TensorProto, folder: Path) -> torch.Tensor:
    """The tensor's values, a copy on the CPU; types that torch lacks come as the next wider one it has.

    Raises RequestError where the values are text, or lie in a file that is missing or too short.
    """
    if tensor.data_type == TensorProto.STRING:
        raise RequestError(f"{tensor.name!r} holds text, not numbers; choose another tensor")
    if tensor.data_location == TensorProto.EXTERNAL:
        tensor = with_data(tensor, folder)
    array = onnx.numpy_helper.to_array(tensor)
    if tensor.data_type in VIEWED:
        bits, dtype = VIEWED[tensor.data_type]
        return torch.from_numpy(array.view(bits).copy()).view(dtype)
    if array.dtype.kind == "V":
        array = array.astype(numpy.float32 if is_floating(tensor.data_type) else numpy.int16)
    return torch.from_numpy(numpy.array(array, copy=True))


def write_values(tensor: TensorProto, values: torch.Tensor) -> None:
    """Give the initializer new values of its own shape, inside the model."""
    wanted = torch_dtype(tensor.data_type)
    kept = values.detach().to("cpu", wanted).contiguous()
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "external_data"):
        tensor.ClearField(field)
    tensor.ClearField("data_location")
    tensor.raw_data = kept.reshape(-1).view(torch.uint8).numpy().tobytes()


def with_data(tensor: TensorProto, folder: Path) -> TensorProto:
    """A copy of an initializer whose data lies in another file, with the data.

    Raises RequestError where that file is missing, unreadable or too short.
    """
    path = external_file(tensor, folder)
    if not path.is_file():
        raise RequestError(f"{tensor.name!r} keeps its values in {path.name}, which is missing; put it into {folder}")
    copy = TensorProto()
    copy.CopyFrom(tensor)
    try:
        load_external_data_for_tensor(copy, str(folder))
    except (OSError, ValueError, onnx.checker.ValidationError) as problem:
        raise RequestError(
            f"{tensor.name!r}: its values cannot be read from {path.name}: {' '.join(str(problem).split())[:200]}; "
            "fetch the file again"
        ) from None
    if len(copy.raw_data) != stored_bytes(copy):
        raise RequestError(
            f"{tensor.name!r}: {path.name} holds {len(copy.raw_data)} bytes for it where its shape "
            f"{list(copy.dims)} takes {stored_bytes(copy)}; fetch the file again"
        )
    return copy


def external_file(tensor: TensorProto, folder: Path) -> Path:
    """The file an external initializer's data lies in; it need not exist.

    Raises RequestError where the path leads out of the model's folder: such a file could show any file of the reader's.
    """
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    path = (folder / location).resolve()
    if not location or Path(location).is_absolute() or not path.is_relative_to(folder):
        raise RequestError(
            f"initializer {tensor.name!r} points to {location!r}, outside the model's folder; such a file is not opened"
        )
    return path


def stored_bytes(tensor: TensorProto) -> int:
    """Bytes that the tensor's elements take in raw form."""
    elements: int = prod(tensor.dims)
    bits = _BITS.get(tensor.data_type)
    if bits is not None:
        return -(-elements * bits // 8)
    size: int = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return elements * size


def dtype_name(data_type: int) -> str:
    """An ONNX element type as torch spells it; "string" for text, "unknown" where there is none."""
    if data_type == TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(data_type).name)
    except (KeyError, ValueError):
        return "unknown"


def torch_dtype(data_type: int) -> torch.dtype:
    """The torch dtype of an ONNX element type.

    Raises RequestError where torch has none.
    """
    dtype = getattr(torch, dtype_name(data_type), None)
    if not isinstance(dtype, torch.dtype):
        raise RequestError(f"torch has no {dtype_name(data_type)}; choose a tensor of another type")
    return dtype


def is_floating(data_type: int) -> bool:
    """Whether elements of this type are real or complex numbers rather than integers, truth values or text."""
    return dtype_name(data_type).startswith(_FLOATING)

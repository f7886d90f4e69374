"""The values of initializers and constants as torch tensors, and back."""

from math import prod
from typing import Any

import numpy
import torch
from onnx import TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.graph import Graph, find_tensor
from inspector.engine.onnx_model.initializers import DataFiles, dtype_name, is_floating

VIEWED: dict[int, tuple[type[numpy.unsignedinteger[Any]], torch.dtype]] = {
    TensorProto.BFLOAT16: (numpy.uint16, torch.bfloat16),
    TensorProto.FLOAT8E4M3FN: (numpy.uint8, torch.float8_e4m3fn),
    TensorProto.FLOAT8E4M3FNUZ: (numpy.uint8, torch.float8_e4m3fnuz),
    TensorProto.FLOAT8E5M2: (numpy.uint8, torch.float8_e5m2),
    TensorProto.FLOAT8E5M2FNUZ: (numpy.uint8, torch.float8_e5m2fnuz),
}
"""Types that NumPy lacks and torch has: the integers of the same width, and torch's type."""
_MOST_WRITTEN_OUT = 1 << 26
"""Elements of a sparse tensor up to which its zeros are."""


def values_of(graph: Graph, key: str) -> torch.Tensor:
    """The values of the tensor `key`, a copy on the CPU; one that is sparse in the file is sparse here.

    Raises RequestError where there is no such tensor, or its values are text or missing.
    """
    holder, name = find_tensor(graph, key)
    sparse = holder.sparse_tensor(name)
    if sparse is not None:
        values, places = (read_values(part, graph.files) for part in (sparse.values, sparse.indices))
        shape = list(sparse.dims)
        try:
            if places.dim() == 1:
                places = torch.from_numpy(numpy.stack(numpy.unravel_index(places.numpy(), shape), 1))
            return torch.sparse_coo_tensor(places.T, values, shape, check_invariants=True)
        except (RuntimeError, ValueError, TypeError) as problem:
            why = " ".join(str(problem).split())[:200]
            raise RequestError(f"{key!r} says of values where they cannot lie: {why}; export again") from None
    tensor = holder.tensor(name)
    if tensor is None:
        raise RequestError(f"{key!r} holds text, not numbers; choose another tensor")
    return read_values(tensor, graph.files)


def dense_values(graph: Graph, key: str) -> torch.Tensor | None:
    """The same with the zeros of a sparse tensor written out; None for text, and for what is too large for that.

    Raises RequestError as `values_of` does, but for text.
    """
    holder, name = find_tensor(graph, key)
    sparse, tensor = holder.sparse_tensor(name), holder.tensor(name)
    if sparse is None and (tensor is None or tensor.data_type == TensorProto.STRING):
        return None
    if sparse is not None and prod(sparse.dims) > _MOST_WRITTEN_OUT:
        return None
    values = values_of(graph, key)
    return values if sparse is None else values.to_dense()


def read_values(tensor: TensorProto, files: DataFiles) -> torch.Tensor:
    """The tensor's values, a copy on the CPU; types that torch lacks come as the next wider one it has.

    Raises RequestError where the values are text, or lie in a file that is missing or too short.
    """
    if tensor.data_type == TensorProto.STRING:
        raise RequestError(f"{tensor.name!r} holds text, not numbers; choose another tensor")
    array = files.array(tensor)
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


def torch_dtype(data_type: int) -> torch.dtype:
    """The torch dtype of an ONNX element type.

    Raises RequestError where torch has none.
    """
    dtype = getattr(torch, dtype_name(data_type), None)
    if not isinstance(dtype, torch.dtype):
        raise RequestError(f"torch has no {dtype_name(data_type)}; choose a tensor of another type")
    return dtype

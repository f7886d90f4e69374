"""What an initializer or constant declares of itself: its element type and where its bytes lie."""

import mmap
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy
import onnx
from onnx import TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.content import is_inside
from inspector.engine.onnx_model.wire import Content

_BITS: dict[int, int] = {
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.UINT2: 2,
    TensorProto.INT2: 2,
}
_FLOATING = ("float", "bfloat", "complex")
WRITTEN_OUT = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
"""The fields of a tensor that is not in raw form."""


class DataFiles:
    """The files that the tensors of a model keep their data in: its own, and those beside it."""

    def __init__(self, folder: Path, name: str = "", content: Content = b"") -> None:
        self.folder = folder
        self.name = name
        """Of the model's own file."""
        self._content = content
        self._state = self._current_state()

    def array(self, tensor: TensorProto) -> numpy.ndarray[Any, Any]:
        """The tensor's values, read-only and in the file where they can be.

        Raises RequestError where the values lie in a file that is missing or too short, or are too many or too few.
        """
        if tensor.data_location != TensorProto.EXTERNAL and not tensor.raw_data:
            return written_out(tensor)
        content = self.content(tensor)
        if len(content) != stored_bytes(tensor):
            raise RequestError(
                f"{tensor.name!r} holds {len(content):,} bytes where its shape {list(tensor.dims)} takes "
                f"{stored_bytes(tensor):,}; fetch or export the model again"
            )
        if tensor.data_type in _BITS:
            packed = TensorProto(dims=tensor.dims, data_type=tensor.data_type, raw_data=bytes(content))
            return written_out(packed)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return numpy.frombuffer(content, dtype).reshape(tuple(tensor.dims))

    def content(self, tensor: TensorProto) -> memoryview:
        """The bytes of a tensor in raw form, or of one that lies in a file.

        Raises RequestError where that file is missing, unreadable or too short.
        """
        if tensor.data_location != TensorProto.EXTERNAL:
            return memoryview(tensor.raw_data)
        offset, length = span_of(tensor)
        if self.holds(tensor):
            return memoryview(self._content)[offset : offset + length]
        path = external_file(tensor, self.folder)
        if not path.is_file():
            raise RequestError(
                f"{tensor.name!r} keeps its values in {path.name}, which is missing; put it into {self.folder}"
            )
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except (OSError, ValueError) as problem:
            raise RequestError(f"{tensor.name!r}: {path.name} cannot be read: {problem}") from None
        if offset + length > size:
            raise RequestError(
                f"{tensor.name!r}: {path.name} holds {max(0, size - offset):,} bytes for it where its shape "
                f"{list(tensor.dims)} takes {stored_bytes(tensor):,}; fetch the file again"
            )
        return memoryview(mapped)[offset : offset + length]

    def stands(self) -> bool:
        """Whether the model's own file is still the one that was opened; what is mapped stays as it was."""
        return self._state is not None and self._state == self._current_state()

    def _current_state(self) -> tuple[int, int, int] | None:
        try:
            found = (self.folder / self.name).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def holds(self, tensor: TensorProto) -> bool:
        """Whether the tensor's data was left in the model's own file."""
        return bool(self.name) and is_inside(tensor, self.name)


def written_out(tensor: TensorProto) -> numpy.ndarray[Any, Any]:
    """The values of a tensor that holds them itself.

    Raises RequestError where they are not those of its type and shape.
    """
    try:
        return onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError, UnicodeDecodeError) as problem:
        raise RequestError(
            f"the values of {tensor.name!r} cannot be read: {' '.join(str(problem).split())[:200]}; export again"
        ) from None


def external_file(tensor: TensorProto, folder: Path) -> Path:
    """The file an external initializer's data lies in; it need not exist.

    Raises RequestError where the path leads out of the model's folder: such a file could show any file of the reader's.
    """
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    try:
        path = (folder / location).resolve()
        outside = not location or Path(location).is_absolute() or not path.is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        # A name that no file can have: with a NUL in it, or through links that lead in a circle.
        outside = True
    if outside:
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


def numbers_held(tensor: TensorProto) -> int:
    """Numbers that a tensor holds which are not in raw form."""
    return sum(len(getattr(tensor, name)) for name in WRITTEN_OUT)


def numbers_wanted(tensor: TensorProto) -> int:
    """Numbers that it takes: those of less than a byte are packed by the byte, complex ones are two each."""
    if tensor.data_type in _BITS:
        return stored_bytes(tensor)
    elements: int = prod(tensor.dims)
    return 2 * elements if dtype_name(tensor.data_type).startswith("complex") else elements


@cache
def dtype_name(data_type: int) -> str:
    """An ONNX element type as torch spells it; "string" for text, "unknown" where there is none."""
    if data_type == TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(data_type).name)
    except (KeyError, ValueError):
        return "unknown"


def is_floating(data_type: int) -> bool:
    """Whether elements of this type are real or complex numbers rather than integers, truth values or text."""
    return dtype_name(data_type).startswith(_FLOATING)


def span_of(tensor: TensorProto) -> tuple[int, int]:
    """Where the data of an external tensor begins in its file, and how many bytes it has.

    Raises RequestError where it does not say.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", stored_bytes(tensor)))
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length < 0:
        raise RequestError(f"{tensor.name!r} does not say where in its file its data lies; export the model again")
    return offset, length

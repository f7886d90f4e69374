"""Writes tensors to files one after the other, so that never more than one is in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np

from inspector.core.errors import RequestError
from inspector.files.dtypes import ITEM_BYTES, SAFETENSORS_DTYPES
from inspector.files.values.reading import Array

PIECE = 1 << 24
"""Bytes handed to the system at a time."""
_NAMES = {name: code for code, name in SAFETENSORS_DTYPES.items()}


class Outgoing(NamedTuple):
    """A tensor to be written: what is declared of it, and what gives its values when their turn comes."""

    key: str
    shape: list[int]
    dtype: str
    values: Callable[[], Array]

    @property
    def bytes(self) -> int:
        """What its elements take in a file."""
        return int(np.prod(self.shape, dtype=object)) * ITEM_BYTES[self.dtype]


def write_safetensors(path: Path, tensors: Sequence[Outgoing], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, tensors with large elements first so that all are aligned.

    Raises RequestError for a dtype that the format does not have.
    """
    other = next((tensor for tensor in tensors if tensor.dtype not in _NAMES), None)
    if other is not None:
        raise RequestError(f"{other.key} is {other.dtype}, which safetensors cannot hold; write a .pt file instead")
    ordered = sorted(tensors, key=lambda tensor: -ITEM_BYTES[tensor.dtype])
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for tensor in ordered:
        begin, end = end, end + tensor.bytes
        header[tensor.key] = {"dtype": _NAMES[tensor.dtype], "shape": tensor.shape, "data_offsets": [begin, end]}
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for tensor in ordered:
            write_values(stream, tensor)


def write_values(stream: BinaryIO, tensor: Outgoing, seen: Callable[[bytes], None] = lambda piece: None) -> None:
    """Write a tensor's elements row by row, little-endian; `seen` gets each piece too."""
    values = tensor.values()
    if list(values.shape) != tensor.shape or values.nbytes != tensor.bytes:
        raise RequestError(f"{tensor.key} came out as {values.dtype} {list(values.shape)}, not {tensor.shape}")
    for piece in _pieces(values):
        stream.write(piece)
        seen(piece)


def _pieces(values: Array) -> Iterator[bytes]:
    if values.nbytes <= PIECE:
        yield values.tobytes()
    elif values.flags.c_contiguous:
        flat = values.reshape(-1)
        step = PIECE // values.itemsize
        for at in range(0, flat.size, step):
            yield flat[at : at + step].tobytes()
    else:
        rows = max(1, PIECE * len(values) // values.nbytes)
        for at in range(0, len(values), rows):
            yield from _pieces(np.ascontiguousarray(values[at : at + rows]))

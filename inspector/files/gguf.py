"""GGUF, the format of llama.cpp: key/value metadata, then the names, shapes, types and places of the tensors.

Source: ``docs/gguf.md`` of ggml; versions 2 and 3, either byte order. Sizes in the file count from the fastest axis and
are shown the other way round, as NumPy and torch have them.
"""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor
from inspector.files.pickled_text import encodable, text_of
from inspector.files.torch_tensors import MAX_ELEMENTS

MAGIC = b"GGUF"
MAX_TENSORS = 250_000
MAX_TEXT = 2**16
"""Bytes of a key, and what is looked at of any text."""
MAX_TEXTS = 32 * 2**20
MAX_VALUES = 5_000_000
"""Of all arrays of text together, which can only be walked through."""
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("float32", 1, 4), 1: ("float16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 9: ("q8_1", 32, 40), 10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144), 13: ("q5_k", 256, 176), 14: ("q6_k", 256, 210), 15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66), 17: ("iq2_xs", 256, 74), 18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18), 21: ("iq3_s", 256, 110), 22: ("iq2_s", 256, 82), 23: ("iq4_xs", 256, 136),
    24: ("int8", 1, 1), 25: ("int16", 1, 2), 26: ("int32", 1, 4), 27: ("int64", 1, 8), 28: ("float64", 1, 8),
    29: ("iq1_m", 256, 56), 30: ("bfloat16", 1, 2), 34: ("tq1_0", 256, 54), 35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17), 40: ("nvfp4", 64, 36), 41: ("q1_0", 128, 18),
}  # fmt: skip
"""Number of a tensor's type: its name, the elements of a block, the bytes of a block (``ggml-common.h``)."""
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_ALIGNMENT = 32


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins with the magic number."""
    return head.startswith(MAGIC)


def open(path: Path) -> Catalog:
    """Read the header; raises RequestError where it is cut off, damaged or of another version."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(path, data, size)
    except (struct.error, ValueError) as error:
        raise RequestError(
            f"{path} is a GGUF file that is cut off or damaged ({error}); fetch the file again"
        ) from error


@dataclass(slots=True)
class _Cursor:
    data: mmap.mmap
    order: str
    position: int = 4
    values: int = 0
    texts: int = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(self.order + code, self.data, self.position)
        self.position += struct.calcsize(self.order + code)
        return value  # type: ignore[no-any-return]  # struct does not tell

    def skip(self, count: int) -> int:
        begin = self.position
        if count > len(self.data) - begin:
            raise ValueError("a text or an array reaches behind its end")
        self.position += count
        return begin

    def text(self) -> str:
        length = self.number("Q")
        begin = self.skip(length)
        length = min(length, MAX_TEXT)
        self.texts += length
        if self.texts > MAX_TEXTS:
            raise ValueError(f"texts of more than {MAX_TEXTS:,} bytes")
        return encodable(self.data[begin : begin + length].decode("utf-8", "backslashreplace"))

    def value(self, kind: int) -> str:
        if kind == _TEXT:
            return text_of(self.text())
        if kind != _ARRAY:
            if kind not in _SCALARS:
                raise ValueError(f"a value of the unknown type {kind}")
            return f"{self.number(_SCALARS[kind])}"
        kind, count = self.number("I"), self.number("Q")
        if kind in _SCALARS:
            self.skip(count * struct.calcsize("=" + _SCALARS[kind]))
            return f"array of {count}"
        self.values += count
        if kind != _TEXT or self.values > MAX_VALUES:
            raise ValueError(f"an array of {count:,} values of type {kind}")
        for _ in range(count):
            self.skip(self.number("Q"))
        return f"array of {count}"


def _read(path: Path, data: mmap.mmap, size: int) -> Catalog:
    little = data[4:6] != b"\0\0"
    cursor = _Cursor(data, "<" if little else ">")
    version = cursor.number("I")
    if version not in (2, 3):
        raise RequestError(f"{path} is GGUF of version {version}, and 2 and 3 are read; convert it with llama.cpp")
    count, pairs = cursor.number("Q"), cursor.number("Q")
    if max(count, pairs) > MAX_TENSORS:
        raise ValueError(f"{max(count, pairs):,} entries")
    entries = {"version": str(version)}
    for _ in range(pairs):
        key = cursor.text()
        entries[key] = cursor.value(cursor.number("I"))
    told = [_entry(cursor) for _ in range(count)]
    step = entries.get("general.alignment", "")
    step_bytes = int(step) if step.isdecimal() and int(step) else _ALIGNMENT
    start = -(-cursor.position // step_bytes) * step_bytes
    notes: list[Note] = []
    tensors = []
    for name, shape, kind, offset in told:
        tensor = _tensor(path, name, shape, kind, start + offset)
        if tensor is None:
            message = f"{name} has type {kind} and sizes {shape[:8]}, which are not understood"
            notes.append(Note(code="not-understood", message=message, path=name))
            continue
        if tensor.start + tensor.bytes > size:
            message = f"{name} ends at byte {tensor.start + tensor.bytes} and {size} are here: the file is cut off"
            notes.append(Note(code="out-of-storage", message=message, path=name))
        tensors.append(tensor)
    return Catalog(
        path=str(path),
        format="gguf",
        bytes=size,
        root="mapping",
        root_type="gguf",
        tensors=tensors,
        containers=[CatalogContainer(path=[], type="gguf", tensors=len(tensors), entries=entries)],
        big_endian=not little,
        notes=notes,
    )


def _entry(cursor: _Cursor) -> tuple[str, list[int], int, int]:
    name, rank = cursor.text(), cursor.number("I")
    if rank > 64:
        raise ValueError(f"{rank} dimensions")
    shape = [cursor.number("Q") for _ in range(rank)][::-1]
    return name, shape, cursor.number("I"), cursor.number("Q")


def _tensor(path: Path, name: str, shape: list[int], kind: int, start: int) -> CatalogTensor | None:
    elements = prod(shape)
    if kind not in TYPES or elements > MAX_ELEMENTS or start > MAX_ELEMENTS:
        return None
    dtype, block, block_bytes = TYPES[kind]
    if shape and shape[-1] % block:
        return None
    return CatalogTensor(
        key=name,
        name=name,
        shape=shape,
        dtype=dtype,
        storage=str(start),
        storage_offset=0,
        strides=[prod(shape[axis + 1 :]) for axis in range(len(shape))],
        device="cpu",
        elements=elements,
        bytes=elements // block * block_bytes,
        file=str(path),
        start=start,
        family="parameter",
    )

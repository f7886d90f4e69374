"""The safetensors format: 8 bytes with the header's length, a JSON header, then the tensors' bytes.

Source: the format's description in the README of ``huggingface/safetensors``. Offsets in the header count from its end.
"""

from pathlib import Path

import msgspec

from inspector.core.errors import RequestError
from inspector.core.natural_order import natural_key
from inspector.core.table import Note
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES, SAFETENSORS_BITS, SAFETENSORS_DTYPES
from inspector.files.safetensors_soundness import unsound

MAX_HEADER = 100_000_000
"""The limit of the reference implementation."""
MAX_ELEMENTS = 2**63 - 1
MAX_TENSORS = 250_000
MAX_NUMBERS = 4_000_000
MAX_DIMENSIONS = 64


class _Entry(msgspec.Struct, gc=False):
    dtype: str = ""
    shape: tuple[int, ...] | None = None
    data_offsets: tuple[int, int] = (-1, -1)


class _Metadata(msgspec.Struct):
    texts: dict[str, str] | None = msgspec.field(default=None, name="__metadata__")


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins with a length and a JSON object."""
    return len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= MAX_HEADER


def open(path: Path) -> Catalog:
    """Read the catalog of a safetensors file; raises RequestError where the header or an offset is wrong."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(MAX_HEADER, size - 8):
            raise RequestError(
                f"{path} is cut off: its safetensors header has {length:,} bytes and {size - 8:,} are here; "
                "fetch the file again"
            )
        header = stream.read(length)
    if header.count(b"{") > MAX_TENSORS or header.count(b",") > MAX_NUMBERS:
        raise RequestError(
            f"{path}: its header describes more than {MAX_TENSORS:,} tensors, and no checkpoint has that many"
        )
    try:
        metadata = msgspec.json.decode(header, type=_Metadata).texts or {}
        entries = _entries(header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"{path}: its safetensors header is not valid ({error}); the file is damaged") from error
    notes: list[Note] = []
    name = str(path)
    tensors = [_tensor(name, key, entry, 8 + length, size - 8 - length, notes) for key, entry in entries.items()]
    dtypes = {key: entry.dtype for key, entry in entries.items()}
    notes += unsound(header, tensors, dtypes, 8 + length, size - 8 - length)
    tensors.sort(key=lambda tensor: natural_key(tensor.key))
    return Catalog(
        path=str(path),
        format="safetensors",
        bytes=size,
        root="mapping",
        root_type="safetensors",
        tensors=tensors,
        containers=[CatalogContainer(path=[], type="safetensors", tensors=len(tensors), entries=metadata)],
        notes=notes,
    )


def _entries(header: bytes) -> dict[str, _Entry]:
    try:
        entries = msgspec.json.decode(header, type=dict[str, _Entry])
        entries.pop("__metadata__", None)
    except msgspec.ValidationError:
        # The metadata may have names of its own that are those of an entry's fields.
        declared = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        declared.pop("__metadata__", None)
        return {key: msgspec.json.decode(raw, type=_Entry) for key, raw in declared.items()}
    return entries


def _tensor(path: str, key: str, entry: _Entry, header_end: int, payload: int, notes: list[Note]) -> CatalogTensor:
    begin, end = entry.data_offsets
    if entry.shape is None:
        raise RequestError(f"{path}: the header gives {key} no shape; the file is damaged")
    if len(entry.shape) > MAX_DIMENSIONS:
        raise RequestError(f"{path}: {key} has {len(entry.shape)} dimensions, which no tensor has; the file is damaged")
    elements, strides = 1, []
    for length in reversed(entry.shape):
        strides.append(elements)
        elements *= length
    dtype = SAFETENSORS_DTYPES.get(entry.dtype, entry.dtype.lower())
    bits = SAFETENSORS_BITS.get(entry.dtype) or 8 * ITEM_BYTES.get(dtype, 0)
    if (entry.shape and min(entry.shape) < 0) or not 0 <= begin <= end or elements > MAX_ELEMENTS:
        raise RequestError(f"{path}: the header gives {key} an impossible shape or place; the file is damaged")
    if bits and elements * bits != (end - begin) * 8:
        raise RequestError(
            f"{path}: {key} is {entry.dtype} {list(entry.shape)} but has {end - begin} bytes; the file is damaged"
        )
    if end > payload:
        notes.append(
            Note(
                code="out-of-storage",
                message=f"{key} ends at byte {end} and {payload} are here: the file is cut off",
                path=key,
            )
        )
    return CatalogTensor(
        key=key,
        name=key,
        shape=list(entry.shape),
        dtype=dtype,
        storage=str(begin) if end > begin else None,
        storage_offset=0,
        strides=strides[::-1],
        device="cpu",
        elements=elements,
        bytes=end - begin,
        file=path,
        start=header_end + begin,
    )

"""A tensor's values as an array over the mapped file: nothing is read until it is looked at."""

import math
import mmap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.zip_directory import STORED, BrokenZipError, ZipDirectory, read_directory

Array = npt.NDArray[Any]
Mapping = Callable[[Path, int, int], memoryview]
"""The bytes of a file, from one on, so many; raises OSError."""

MAX_UNPACKED = 1 << 31
"""Bytes of a compressed member that are unpacked into memory."""
MOST_REPEATED = 1 << 31
"""Elements of a tensor that an expansion makes of fewer; a file of some bytes may claim any number."""
_NUMPY: dict[str, Any] = {
    **{name: np.dtype(name) for name in ("float64", "float32", "float16", "complex64", "complex128", "bool")},
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"{sign}int{bits}": np.dtype(f"{sign}int8") for sign in ("", "u") for bits in range(1, 8)},
    **{
        name: np.dtype(getattr(ml_dtypes, name))
        for name in (
            "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
        )
    },
    "complex32": np.dtype("float16"),
    "qint8": np.dtype("int8"),
    "quint8": np.dtype("uint8"),
    "qint32": np.dtype("int32"),
}  # fmt: skip
"""How each dtype is stored; quantised ones as the integers that they are made of, complex32 as pairs."""


class DamagedValuesError(RequestError):
    """The file does not hold the values that it says it does."""


def map_part(path: Path, begin: int, count: int) -> memoryview:
    """Bytes of a file, which nobody can change, in a mapping of their own."""
    mapped, first = _pages(path, begin, count)
    return memoryview(mapped)[first:]


def map_scattered(path: Path, begin: int, count: int) -> memoryview:
    """The same where single elements far apart will be looked at: nothing around them is read ahead."""
    mapped, first = _pages(path, begin, count)
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
    return memoryview(mapped)[first:]


def _pages(path: Path, begin: int, count: int) -> tuple[mmap.mmap, int]:
    """Whole pages around these bytes, and where the first of them is among those mapped."""
    page = begin - begin % mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), begin - page + count, access=mmap.ACCESS_READ, offset=page), begin - page


def read_tensor(catalog: Catalog, tensor: CatalogTensor, mapping: Mapping = map_part) -> Array:
    """The values of a tensor, read-only and with its strides, mapped from its file.

    bfloat16 and float8 come as `ml_dtypes`, quantised values as the integers stored, complex32 as complex64. Raises
    DamagedValuesError where the values are not in the file or lie beyond its end, RequestError where they are kept in
    a way that is not mapped.
    """
    if tensor.pieces:
        return _assembled(catalog, tensor, mapping)
    if tensor.layout != "strided" or (tensor.file is None and tensor.elements):
        kept = "on the meta device" if tensor.device == "meta" else f"kept as {tensor.layout}"
        raise RequestError(f"{tensor.key} is {kept}: its values cannot be shown from the file")
    stored = _NUMPY.get(tensor.dtype)
    if stored is None:
        raise _no_numbers(tensor)
    if not tensor.elements:
        return np.empty(tensor.shape, stored)
    pair = 2 if tensor.dtype == "complex32" else 1
    item = stored.itemsize * pair
    if item != ITEM_BYTES.get(tensor.dtype, item):
        raise _no_numbers(tensor)
    if tensor.elements > MOST_REPEATED and tensor.elements > _span(tensor):
        raise RequestError(
            f"{tensor.key} repeats its stored values to {tensor.elements:,} elements: too many to look at"
        )
    first = tensor.storage_offset * item
    span = _span(tensor) - 1
    room = _storage(tensor, first, (span + 1) * item, mapping)
    flat = np.frombuffer(room, stored, count=(span + 1) * pair)
    if catalog.big_endian:
        flat = flat.byteswap()
    if pair == 2:
        flat = flat.astype(np.float32).view(np.complex64)
    strides = [stride * flat.itemsize for stride in tensor.strides]
    values: Array = np.ndarray(tensor.shape, flat.dtype, flat, strides=strides)
    values = np.conjugate(values) if tensor.conjugated else values
    values = np.negative(values) if tensor.negated else values
    values.flags.writeable = False
    return values


def _no_numbers(tensor: CatalogTensor) -> RequestError:
    return RequestError(
        f"{tensor.key} is {tensor.dtype}, bits that are no numbers or several packed into a byte: they cannot be shown"
    )


def _span(tensor: CatalogTensor) -> int:
    """Elements of the storage from a tensor's first to its last."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))


def _storage(tensor: CatalogTensor, first: int, count: int, mapping: Mapping) -> memoryview:
    """`count` bytes of a tensor's storage from the byte `first` on."""
    assert tensor.file is not None
    path = Path(tensor.file)
    try:
        if tensor.record is None:
            return _mapped(path, tensor.start + first, count, tensor.key, mapping)
        facts = path.stat()
        archive = _directory(path, facts.st_size, facts.st_mtime_ns)
        member = archive.member(tensor.record)
        begin = tensor.start + first
        if first < 0 or begin + count > member.size:
            raise _beyond(tensor.key, path)
        if member.method == STORED and not member.encrypted:
            return _mapped(path, archive.place(member.name) + begin, count, tensor.key, mapping)
        if member.size > MAX_UNPACKED:
            size = f"{member.size:,} bytes"
            raise RequestError(f"{tensor.key} is compressed and too large to unpack for a look ({size})")
        return memoryview(archive.read(member.name, begin + count, only_head=True))[begin:]
    except BrokenZipError as error:
        raise DamagedValuesError(f"{tensor.key} cannot be read from {path}: {error}; the file is damaged") from error
    except OSError as error:
        raise DamagedValuesError(f"{path} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=4)
def _directory(path: Path, size: int, changed: int) -> ZipDirectory:
    """The directory of an archive as it was with this size and time of change; read once for all of its tensors."""
    return read_directory(path)


def _mapped(path: Path, begin: int, count: int, key: str, mapping: Mapping) -> memoryview:
    if begin < 0 or begin + count > path.stat().st_size:
        raise _beyond(key, path)
    return mapping(path, begin, count)


def _beyond(key: str, path: Path) -> DamagedValuesError:
    return DamagedValuesError(f"the values of {key} lie beyond the end of {path}: the file is cut off; fetch it again")


def _assembled(catalog: Catalog, tensor: CatalogTensor, mapping: Mapping) -> Array:
    """The pieces of a distributed tensor put together in memory."""
    from inspector.files.values.pieces import read_piece

    parts = [(piece, read_piece(catalog, piece, tensor.key, mapping)) for piece in tensor.pieces]
    if len(parts) == 1 and list(parts[0][1].shape) == tensor.shape:
        return parts[0][1]
    covered = sum(math.prod(piece.shape) for piece, _ in parts)
    if covered < tensor.elements:
        raise DamagedValuesError(
            f"{covered:,} of the {tensor.elements:,} elements of {tensor.key} are in the files here"
        )
    whole = np.empty(tensor.shape, parts[0][1].dtype)
    for piece, part in parts:
        whole[tuple(slice(at, at + size) for at, size in zip(piece.at, piece.shape, strict=True))] = part
    return whole

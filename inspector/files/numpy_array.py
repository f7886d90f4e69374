"""NumPy's ``.npy``: a magic number, a header that is a Python dictionary, then the elements.

Source: ``numpy/lib/format.py``. The header is read as a literal, never run; an array of objects is a
pickle and is not read.
"""

import ast
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.torch_tensors import MAX_DIMENSIONS, MAX_ELEMENTS

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
"""NumPy's own limit for headers of files that are not trusted."""
HEAD = 12 + MAX_HEADER
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


class BrokenArrayError(ValueError):
    """The header is not one that NumPy writes."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an array says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: str | None
    """None where its elements are no numbers."""
    kind: str
    """What NumPy calls its elements: "<f4", "object", "a structure"."""
    big_endian: bool
    start: int
    """Where the elements begin, in bytes from the magic number."""


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins as an array of NumPy."""
    return head.startswith(MAGIC)


def open(path: Path) -> Catalog:
    """Read the catalog of an array; raises RequestError where its header is damaged."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    try:
        header = read_header(head)
    except BrokenArrayError as error:
        raise RequestError(
            f"{path} is a NumPy array whose header is damaged ({error}); fetch the file again"
        ) from error
    notes: list[Note] = []
    entries = {}
    tensors = []
    if header.dtype is None:
        entries["array"] = unreadable(header)
        notes.append(Note(code="not-readable", message=f"the array holds {header.kind}, which is not read: no numbers"))
    else:
        tensors = [array_tensor("", header, str(path), None)]
        if header.start + tensors[0].bytes > size:
            message = (
                f"the array needs {header.start + tensors[0].bytes:,} bytes and {size:,} are here: the file is cut off"
            )
            notes.append(Note(code="out-of-storage", message=message))
    return Catalog(
        path=str(path),
        format="numpy",
        bytes=size,
        root="tensor" if tensors else "other",
        root_type="numpy.ndarray",
        tensors=tensors,
        containers=[] if tensors else [CatalogContainer(path=[], type="numpy.ndarray", tensors=0, entries=entries)],
        big_endian=header.big_endian,
        notes=notes,
    )


def read_header(head: bytes) -> Header:
    """Read the first bytes of an array, up to `HEAD` of them; raises BrokenArrayError."""
    if not head.startswith(MAGIC) or len(head) < 12:
        raise BrokenArrayError("it has no magic number")
    width = 2 if head[6] == 1 else 4
    begin = 8 + width
    length = int.from_bytes(head[8:begin], "little")
    if head[6] not in (1, 2, 3) or length > min(MAX_HEADER, len(head) - begin):
        raise BrokenArrayError(f"version {head[6]} with {length:,} bytes of header")
    text = head[begin : begin + length].decode("utf-8" if head[6] == 3 else "latin-1", "replace")
    # Python 2 wrote large sizes as 3L.
    text = re.sub(r"(?<=\d)L(?=[,)])", "", text)
    try:
        told = ast.literal_eval(text.strip())
        shape, fortran, descr = told["shape"], told["fortran_order"], told["descr"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise BrokenArrayError("it is no dictionary with shape, order and type") from error
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or not isinstance(fortran, bool):
        raise BrokenArrayError("its shape is none")
    if not all(isinstance(size, int) and size >= 0 for size in shape) or prod(shape) > MAX_ELEMENTS:
        raise BrokenArrayError("its shape is one that no array can have")
    dtype, kind = _dtype(descr)
    big_endian = isinstance(descr, str) and descr.startswith(">")
    return Header(tuple(map(int, shape)), fortran, dtype, kind, big_endian, begin + length)


def array_tensor(name: str, header: Header, path: str, record: str | None) -> CatalogTensor:
    """The tensor that an array of numbers is; `header.dtype` must not be None."""
    dtype = header.dtype or ""
    elements = prod(header.shape)
    return CatalogTensor(
        key=name,
        name=name,
        shape=list(header.shape),
        dtype=dtype,
        storage=record or "0",
        storage_offset=0,
        strides=_strides(header.shape, header.fortran),
        device="cpu",
        elements=elements,
        bytes=elements * item_bytes(dtype),
        file=path,
        record=record,
        start=header.start,
    )


def item_bytes(dtype: str) -> int:
    """Bytes of an element; NumPy has wider floats than torch."""
    return ITEM_BYTES.get(dtype) or int(re.sub(r"\D", "", dtype)) // 8


def unreadable(header: Header) -> str:
    """A text for an array that is no tensor."""
    return f"an array of {header.kind}, {'×'.join(map(str, header.shape)) or 'a single one'}; not read"


def _dtype(descr: Any) -> tuple[str | None, str]:
    if isinstance(descr, list):
        return None, "structures"
    found = re.fullmatch(r"[<>|=]?([a-zA-Z])(\d{0,6})(\[.*\])?", descr) if isinstance(descr, str) else None
    if found is None:
        raise BrokenArrayError("its type is none")
    letter, width = found[1], int(found[2] or 0)
    if letter == "b" and width == 1:
        return "bool", "bool"
    if letter in _KINDS and width in (1, 2, 4, 8, 12, 16, 24, 32):
        return f"{_KINDS[letter]}{8 * width}", str(descr)
    named = {"O": "Python objects", "V": "raw bytes", "S": "byte strings", "U": "texts", "M": "dates", "m": "durations"}
    return None, named.get(letter, f"elements of type {descr[:20]}")


def _strides(shape: tuple[int, ...], fortran: bool) -> list[int]:
    strides, step = [], 1
    for size in shape if fortran else reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return strides if fortran else strides[::-1]

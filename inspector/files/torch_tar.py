"""Files of ``torch.save`` of PyTorch 0.1: a tar archive with the members sys_info, pickle, tensors and storages.

The layout is what ``legacy_load`` in ``torch/serialization.py`` reads. "storages" is a count, then for each storage a
pickle ``(key, location, type)``, its element count (8 bytes) and its elements, then a pickle with the views of them.
"tensors" is a count, then for each a pickle ``(key, storage, type)``, its rank (8 bytes), sizes, strides and offset.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.files.allowed_globals import named_globals
from inspector.files.catalog import Catalog
from inspector.files.dtypes import ITEM_BYTES, STORAGE_DTYPES
from inspector.files.inert_pickle import BrokenPickleError, Global, Pickled, read_pickle
from inspector.files.pickled_text import text_of
from inspector.files.torch_objects import read_contents
from inspector.files.torch_tensors import MAX_DIMENSIONS, View, sizes

MEMBERS = {"pickle", "storages", "tensors"}
MAX_MEMBERS = 64
MAX_COUNT = 500_000
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class _Storage:
    root: str
    dtype: str
    location: str
    start: int
    """Byte of the file at which its root's elements begin."""
    offset: int
    """Of a view of another storage, in elements."""
    count: int


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file is a tar archive with the members that torch wrote."""
    if head[257:262] != b"ustar":
        return False
    try:
        return members(path).keys() >= MEMBERS
    except OSError:
        return False


def members(path: Path) -> dict[str, tuple[int, int]]:
    """Where the first regular files of a tar archive lie, by name: (byte at which it begins, its bytes)."""
    found: dict[str, tuple[int, int]] = {}
    position = 0
    with path.open("rb") as stream:
        for _ in range(MAX_MEMBERS):
            stream.seek(position)
            block = stream.read(_BLOCK)
            if len(block) < _BLOCK or block[257:262] != b"ustar":
                break
            try:
                size = int(block[124:136].strip(b" \0") or b"0", 8)
            except ValueError:
                break
            if size < 0:
                break
            if block[156:157] in (b"0", b"\0"):
                name = block[:100].partition(b"\0")[0].decode("utf-8", "replace").removeprefix("./")
                found[name] = (position + _BLOCK, size)
            position += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return found


def open(path: Path) -> Catalog:
    """Read the catalog of a tar file of torch; raises RequestError where it is cut off or damaged."""
    size = path.stat().st_size
    places = members(path)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            _refuse_cut_off(places, size)
            pickles: list[Pickled] = []
            storages = _storages(data, places["storages"], pickles)
            apart = _tensors(data, places["tensors"], storages, pickles)
            pickled = read_pickle(data, places["pickle"][0])
            contents = read_contents(pickled.value, apart=apart)
        except (BrokenPickleError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"{path} is a tar file of PyTorch 0.1 that is cut off or damaged ({error}); fetch the file again"
            ) from error
    names, unsafe = named_globals([*pickles, pickled])
    starts = {storage.root: storage.start for storage in storages.values()}
    return Catalog(
        path=str(path),
        format="torch-tar",
        bytes=size,
        root=contents.root,
        root_type=contents.root_type,
        tensors=[
            replace(tensor, file=str(path), start=starts[tensor.storage]) if tensor.storage in starts else tensor
            for tensor in contents.tensors
        ],
        containers=contents.containers,
        modules=contents.modules,
        globals=names,
        unsafe_globals=unsafe,
        protocol=pickled.protocol,
        notes=contents.notes,
    )


def _refuse_cut_off(places: dict[str, tuple[int, int]], size: int) -> None:
    for name in sorted(MEMBERS):
        if sum(places[name]) > size:
            raise BrokenPickleError(f"its member {name!r} is cut off")


def _storages(data: mmap.mmap, place: tuple[int, int], pickles: list[Pickled]) -> dict[str, _Storage]:
    position, end = place[0], sum(place)
    count, position = _counted(data, position, pickles)
    storages: dict[str, _Storage] = {}
    for _ in range(count):
        key, location, kind = _record(data, position, 3, pickles)
        position = pickles[-1].end
        if not isinstance(kind, Global):
            raise BrokenPickleError("a storage without a type")
        dtype = STORAGE_DTYPES[kind.name]
        (elements,) = struct.unpack_from("<q", data, position)
        start = position + 8
        position = start + elements * ITEM_BYTES[dtype]
        if elements < 0 or position > end:
            raise BrokenPickleError("a storage reaches behind its member")
        storages[text_of(key)] = _Storage(text_of(key), dtype, text_of(location), start, 0, elements)
    views = read_pickle(data, position)
    pickles.append(views)
    for target, root, offset, elements in views.value or ():
        base = storages[text_of(root)]
        (first, length) = sizes([offset, elements])
        storages[text_of(target)] = _Storage(
            base.root, base.dtype, base.location, base.start, base.offset + first, base.count
        )
        if first + length > base.count:
            raise BrokenPickleError("a view reaches behind its storage")
    return storages


def _tensors(
    data: mmap.mmap, place: tuple[int, int], storages: dict[str, _Storage], pickles: list[Pickled]
) -> dict[str, View]:
    count, position = _counted(data, place[0], pickles)
    tensors: dict[str, View] = {}
    for _ in range(count):
        key, storage_key, _ = _record(data, position, 3, pickles)
        position = pickles[-1].end
        storage = storages[text_of(storage_key)]
        (rank,) = struct.unpack_from("<i", data, position)
        if not 0 <= rank <= MAX_DIMENSIONS:
            raise BrokenPickleError(f"a tensor of {rank} dimensions")
        numbers = struct.unpack_from(f"<{2 * rank + 1}q", data, position + 8)
        position += 8 + 8 * len(numbers)
        tensors[text_of(key)] = View(
            storage.dtype,
            sizes(list(numbers[:rank])),
            sizes(list(numbers[rank:-1])),
            sizes([numbers[-1]])[0] + storage.offset,
            storage.root,
            storage.location,
            storage_bytes=storage.count * ITEM_BYTES[storage.dtype],
        )
    return tensors


def _counted(data: mmap.mmap, position: int, pickles: list[Pickled]) -> tuple[int, int]:
    pickled = read_pickle(data, position)
    pickles.append(pickled)
    if not isinstance(pickled.value, int) or not 0 <= pickled.value <= MAX_COUNT:
        raise BrokenPickleError("a count that is none")
    return pickled.value, pickled.end


def _record(data: mmap.mmap, position: int, length: int, pickles: list[Pickled]) -> tuple[Any, ...]:
    pickled = read_pickle(data, position)
    pickles.append(pickled)
    if not isinstance(pickled.value, tuple) or len(pickled.value) != length:
        raise BrokenPickleError("a record that is none")
    return pickled.value

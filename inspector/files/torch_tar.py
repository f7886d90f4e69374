"""Files of ``torch.save`` of PyTorch 0.1: a tar archive with the members sys_info, pickle, tensors and storages.

The layout is what ``legacy_load`` in ``torch/serialization.py`` reads. "storages" is a count, then for each storage a
pickle ``(key, location, type)``, its element count (8 bytes) and its elements, then a pickle with the views of them.
"tensors" is a count, then for each a pickle ``(key, storage, type)``, its rank (8 bytes), sizes, strides and offset.
"""

import mmap
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs

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
MAX_COUNT = 100_000
MAX_PICKLES = 32 * 2**20
"""Bytes of all small pickles together."""
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
            storages = _storages(_Stream(data, places["storages"][0], sum(places["storages"]), pickles))
            apart = _tensors(_Stream(data, places["tensors"][0], sum(places["tensors"]), pickles), storages)
            pickled = read_pickle(data, places["pickle"][0])
            contents = read_contents(pickled.value, apart=apart)
        except (BrokenPickleError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"{path} is a tar file of PyTorch 0.1 that is cut off or damaged ({error}); fetch the file again"
            ) from error
    starts = {storage.root: storage.start for storage in storages.values()}
    return Catalog(
        path=str(path),
        format="torch-tar",
        bytes=size,
        root=contents.root,
        root_type=contents.root_type,
        tensors=[
            structs.replace(tensor, file=str(path), start=starts[tensor.storage])
            if tensor.storage in starts
            else tensor
            for tensor in contents.tensors
        ],
        containers=contents.containers,
        modules=contents.modules,
        globals=named_globals([*pickles, pickled]),
        protocol=pickled.protocol,
        notes=contents.notes,
    )


def _refuse_cut_off(places: dict[str, tuple[int, int]], size: int) -> None:
    for name in sorted(MEMBERS):
        if sum(places[name]) > size:
            raise BrokenPickleError(f"its member {name!r} is cut off")


@dataclass(slots=True)
class _Stream:
    """A member that is read from its beginning on: small pickles with numbers between them."""

    data: mmap.mmap
    position: int
    end: int
    names: list[Pickled]
    """The pickles that were read, without what was in them."""
    left: int = MAX_PICKLES

    def value(self) -> Any:
        pickled = read_pickle(self.data, self.position, self.left)
        self.left -= pickled.end - self.position
        self.position = pickled.end
        if pickled.globals:
            self.names.append(Pickled(None, pickled.end, pickled.protocol, pickled.globals))
        return pickled.value

    def count(self) -> int:
        found = self.value()
        if not isinstance(found, int) or not 0 <= found <= MAX_COUNT:
            raise BrokenPickleError("a count that is none")
        return found

    def record(self) -> tuple[Any, Any, Any]:
        found = self.value()
        if not isinstance(found, tuple) or len(found) != 3:
            raise BrokenPickleError("a record that is none")
        return found

    def numbers(self, code: str) -> tuple[int, ...]:
        found = struct.unpack_from(code, self.data, self.position)
        self.position += struct.calcsize(code)
        return found


def _storages(stream: _Stream) -> dict[str, _Storage]:
    storages: dict[str, _Storage] = {}
    for _ in range(stream.count()):
        key, location, kind = stream.record()
        if not isinstance(kind, Global):
            raise BrokenPickleError("a storage without a type")
        dtype = STORAGE_DTYPES[kind.name]
        (elements,) = stream.numbers("<q")
        start = stream.position
        stream.position += elements * ITEM_BYTES[dtype]
        if elements < 0 or stream.position > stream.end:
            raise BrokenPickleError("a storage reaches behind its member")
        storages[text_of(key)] = _Storage(text_of(key), dtype, text_of(location), start, 0, elements)
    for target, root, offset, elements in stream.value() or ():
        base = storages[text_of(root)]
        first, length = sizes([offset, elements])
        if first + length > base.count:
            raise BrokenPickleError("a view reaches behind its storage")
        storages[text_of(target)] = replace(base, offset=base.offset + first)
    return storages


def _tensors(stream: _Stream, storages: dict[str, _Storage]) -> dict[str, View]:
    tensors: dict[str, View] = {}
    for _ in range(stream.count()):
        key, storage_key, _ = stream.record()
        storage = storages[text_of(storage_key)]
        # The rank was once written in 8 bytes and read in 4.
        rank, _ = stream.numbers("<ii")
        if not 0 <= rank <= MAX_DIMENSIONS:
            raise BrokenPickleError(f"a tensor of {rank} dimensions")
        numbers = stream.numbers(f"<{2 * rank + 1}q")
        tensors[text_of(key)] = View(
            storage.dtype,
            sizes(numbers[:rank]),
            sizes(numbers[rank:-1]),
            sizes(numbers[-1:])[0] + storage.offset,
            storage.root,
            storage.location,
            storage_bytes=storage.count * ITEM_BYTES[storage.dtype],
        )
    return tensors

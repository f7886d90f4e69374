"""Files of ``torch.save`` before 1.6: several pickles one after the other, then the storages' bytes.

The layout is that of ``_legacy_save`` in ``torch/serialization.py``: magic number, protocol version, system
information, the object, the list of storage keys, then for each storage its element count (8 bytes) and its elements.
"""

import mmap
import re
from pathlib import Path

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.allowed_globals import named_globals, warning
from inspector.files.catalog import Catalog
from inspector.files.inert_pickle import BrokenPickleError, Pickled, read_pickle
from inspector.files.torch_objects import read_contents
from inspector.files.torch_tensors import stored_bytes

MAGIC = 0x1950A86A20F9469CFC6C
MAX_KEYS = 16 * 2**20
_SMALL = 2**16
_MAGIC_BYTES = MAGIC.to_bytes(10, "little")


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins with torch's magic number, or at least with a pickle."""
    return _MAGIC_BYTES in head[:64] or str(MAGIC).encode() in head[:64] or is_pickle(head)


def is_pickle(head: bytes) -> bool:
    """Whether the bytes begin as a pickle of protocol 2 to 5, or as one of an older protocol that names something."""
    if len(head) > 2 and head[0] == 0x80:
        return 2 <= head[1] <= 5
    return re.match(rb"\(?[ci][\w.]{1,200}\n[\w.]{1,200}\n|\([dl]p0\n", head) is not None


def open(path: Path) -> Catalog:
    """Read the catalog of a legacy torch file; raises RequestError where it is cut off or another kind of pickle."""
    size = path.stat().st_size
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            first = read_pickle(data, most=_SMALL)
            if first.value != MAGIC:
                raise RequestError(
                    f"{path} is a pickle, but not one that torch.save wrote: it cannot be read without running what it "
                    f"names{warning(first.globals)}; open it where you trust it and save its tensors with torch.save"
                )
            version = read_pickle(data, first.end, _SMALL)
            system = read_pickle(data, version.end, _SMALL)
            pickled = read_pickle(data, system.end)
            contents = read_contents(pickled.value)
            keys = read_pickle(data, pickled.end, MAX_KEYS)
        except BrokenPickleError as error:
            raise RequestError(
                f"{path} is cut off or damaged: a pickle in it cannot be read ({error}){warning(error.globals)}; "
                "fetch the file again"
            ) from error
        starts = _starts(keys, stored_bytes(pickled.persistents))
    notes = [*contents.notes]
    # Each storage takes 8 bytes and its elements; the tensors say at least how many those are.
    needed = keys.end + sum(8 + need for need, _ in contents.storages.values())
    if needed > size:
        notes.append(
            Note(
                code="out-of-storage",
                message=f"the file is cut off: its tensors need at least {needed:,} bytes and {size:,} are here",
            )
        )
    return Catalog(
        path=str(path),
        format="torch-legacy",
        bytes=size,
        root=contents.root,
        root_type=contents.root_type,
        tensors=[
            replace(tensor, file=str(path), start=starts[tensor.storage]) if tensor.storage in starts else tensor
            for tensor in contents.tensors
        ],
        containers=contents.containers,
        modules=contents.modules,
        globals=named_globals((first, version, system, pickled, keys)),
        protocol=_highest(first, pickled),
        notes=notes,
    )


def _starts(keys: Pickled, declared: dict[str, int]) -> dict[str, int]:
    """Where each storage's elements begin, behind their count; those behind one of unknown size are left out."""
    starts: dict[str, int] = {}
    position = keys.end
    for key in keys.value if isinstance(keys.value, list) else ():
        if str(key) not in declared:
            break
        starts[str(key)] = position + 8
        position += 8 + declared[str(key)]
    return starts


def _highest(*parts: Pickled) -> int:
    return max(part.protocol for part in parts)

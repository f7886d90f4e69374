"""Sharded checkpoints: a ``*.index.json`` whose ``weight_map`` says which file holds which key."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.catalog import Catalog
from inspector.files.containment import Containment
from inspector.files.shards import catalog_of_shards

MAX_INDEX = 64 * 2**20
MAX_KEYS = 500_000
MAX_SHARDS = 10_000


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file is JSON with a weight map, or is named as such an index."""
    return head.lstrip().startswith(b"{") and (b'"weight_map"' in head or path.name.endswith(".index.json"))


def open(path: Path, allow_outside: bool = False) -> Catalog:
    """Read the shards' catalogs as one; shards that are absent or outside, and keys that disagree, become notes."""
    size = path.stat().st_size
    if size > MAX_INDEX:
        raise RequestError(f"{path} is too large for an index of shards ({size:,} bytes)")
    try:
        told = path.read_bytes()
        if told.count(b":") > 2 * MAX_KEYS:
            raise RequestError(f"{path} lists more than {MAX_KEYS:,} tensors, and no checkpoint has that many")
        weight_map = msgspec.json.decode(told, type=_Index).weight_map
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"{path} is not a valid index of shards: {error}") from error
    shards = dict.fromkeys(weight_map.values())
    if len(shards) > MAX_SHARDS:
        raise RequestError(f"{path} names {len(shards):,} files, and no checkpoint has that many")
    within = Containment(path.parent, allow_outside)
    found = catalog_of_shards(path, "safetensors-index", "index", shards, within, weight_map)
    absent = weight_map.keys() - {tensor.key for tensor in found.tensors}
    notes = [Note(code="shard-key", message=f"{key} is in the index but in no shard here") for key in sorted(absent)]
    return replace(found, bytes=size + found.bytes, notes=[*found.notes, *notes])

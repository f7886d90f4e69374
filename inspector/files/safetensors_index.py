"""Sharded checkpoints: a ``*.index.json`` whose ``weight_map`` says which file holds which key."""

from pathlib import Path

import msgspec

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files import safetensors, torch_zip
from inspector.files.allowed_globals import is_allowed
from inspector.files.catalog import Catalog, CatalogContainer

MAX_INDEX = 64 * 2**20


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file is JSON with a weight map, or is named as such an index."""
    return head.lstrip().startswith(b"{") and (b'"weight_map"' in head or path.name.endswith(".index.json"))


def open(path: Path) -> Catalog:
    """Read the shards' catalogs as one; shards that are absent, and keys that disagree, become notes."""
    size = path.stat().st_size
    if size > MAX_INDEX:
        raise RequestError(f"{path} is too large for an index of shards ({size:,} bytes)")
    try:
        weight_map = msgspec.json.decode(path.read_bytes(), type=_Index).weight_map
    except msgspec.DecodeError as error:
        raise RequestError(f"{path} is not a valid index of shards: {error}") from error
    tensors, notes, names, shards = [], [], set[str](), list[str]()
    for shard in dict.fromkeys(weight_map.values()):
        place = path.parent / shard
        if Path(shard).name != shard:
            notes.append(Note(code="shard-outside", message=f"the index points outside its folder, to {shard}"))
            continue
        if not place.is_file():
            notes.append(Note(code="shard-missing", message=f"the shard {shard} is not beside the index"))
            continue
        with place.open("rb") as stream:
            head = stream.read(64)
        kind = next((kind for kind in (safetensors, torch_zip) if kind.sniff(head, place)), None)
        if kind is None:
            notes.append(Note(code="shard-unreadable", message=f"the shard {shard} is not a file of tensors"))
            continue
        catalog = kind.open(place)
        size += catalog.bytes
        shards.append(shard)
        names |= set(catalog.globals)
        notes += catalog.notes
        for tensor in catalog.tensors:
            # Storage names are a file's own.
            storage = None if tensor.storage is None else f"{shard}/{tensor.storage}"
            tensors.append(msgspec.structs.replace(tensor, storage=storage))
            if weight_map.get(tensor.key) != shard:
                notes.append(
                    Note(code="shard-key", message=f"{tensor.key} is in {shard}, which the index does not say")
                )
    absent = weight_map.keys() - {tensor.key for tensor in tensors}
    notes += [Note(code="shard-key", message=f"{key} is in the index but in no shard here") for key in sorted(absent)]
    return Catalog(
        path=str(path),
        format="safetensors-index",
        bytes=size,
        root="mapping",
        root_type="index",
        tensors=tensors,
        containers=[CatalogContainer(path=[], type="index", tensors=len(tensors))],
        globals=sorted(names),
        unsafe_globals=[name for name in sorted(names) if not is_allowed(name)],
        shards=shards,
        notes=notes,
    )

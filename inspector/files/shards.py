"""Several files of tensors as one catalog."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from inspector.core.errors import RequestError
from inspector.core.named_globals import NamedGlobal
from inspector.core.natural_order import natural_key
from inspector.core.table import Note
from inspector.files.allowed_globals import merged
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor
from inspector.files.containment import Containment
from inspector.files.refusing import refused, refused_first
from inspector.files.sniff import sniff

SHARD_FORMATS = ("safetensors", "zip_archive", "torch_tar", "torch_legacy")
_HEAD = 512
MAX_TENSORS = 500_000


@dataclass(slots=True)
class _Shards:
    """What several files hold together."""

    tensors: list[CatalogTensor] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    bytes: int = 0
    globals: list[NamedGlobal] = field(default_factory=list)
    big_endian: bool = False
    protocol: int | None = None
    notes: list[Note] = field(default_factory=list)


def catalog_of_shards(
    place: Path,
    format: str,
    root_type: str,
    names: Iterable[str],
    within: Containment,
    weight_map: Mapping[str, str] | None = None,
) -> Catalog:
    """One catalog of the named files; what is absent, unreadable, outside or not as mapped becomes notes.

    `place` is the index or the folder that names them.
    """
    found = _read_each(names, within, weight_map)
    return Catalog(
        path=str(place),
        format=format,
        bytes=found.bytes,
        root="mapping",
        root_type=root_type,
        tensors=sorted(found.tensors, key=lambda tensor: natural_key(tensor.key)),
        containers=[CatalogContainer(path=[], type=root_type, tensors=len(found.tensors))],
        globals=found.globals,
        big_endian=found.big_endian,
        protocol=found.protocol,
        shards=found.files,
        named=found.named,
        notes=found.notes,
    )


def _read_each(names: Iterable[str], within: Containment, weight_map: Mapping[str, str] | None) -> _Shards:
    found = _Shards()
    read: dict[str, str] = {}
    for shard in names:
        found.named.append(str(within.folder / shard))
        real = os.path.realpath(within.folder / shard) if "\0" not in shard else shard
        if real in read:
            found.notes.append(Note(code="shard-twice", message=f"the shard {shard} is the same file as {read[real]}"))
            continue
        read[real] = shard
        catalog = _opened(shard, within, found.notes, weight_map is not None)
        if catalog is None:
            continue
        if len(found.tensors) + len(catalog.tensors) > MAX_TENSORS:
            message = f"from {shard} on the shards were not read: they have more than {MAX_TENSORS:,} tensors"
            found.notes.append(Note(code="shard-unreadable", message=message))
            break
        found.bytes += catalog.bytes
        found.files.append(shard)
        found.globals = merged([*found.globals, *catalog.globals])
        found.notes += catalog.notes
        found.big_endian |= catalog.big_endian
        found.protocol = max((found.protocol or 0, catalog.protocol)) if catalog.protocol else found.protocol
        for tensor in catalog.tensors:
            # Storage names are a file's own.
            storage = None if tensor.storage is None else f"{shard}/{tensor.storage}"
            found.tensors.append(msgspec.structs.replace(tensor, storage=storage))
        if weight_map is not None:
            found.notes += [
                Note(code="shard-key", message=f"{tensor.key} is in {shard}, which the index does not say")
                for tensor in catalog.tensors
                if weight_map.get(tensor.key) != shard
            ]
    return found


def _opened(shard: str, within: Containment, notes: list[Note], indexed: bool) -> Catalog | None:
    place = within.find(shard)
    index = "index" if indexed else "other shards"
    if place is None:
        notes.append(
            Note(
                code="shard-outside",
                message=f"the index points outside its folder, to {shard}: it was not opened (--allow-outside does)",
            )
        )
        return None
    try:
        if not place.is_file():
            notes.append(Note(code="shard-missing", message=f"the shard {shard} is not beside the {index}"))
            return None
        return _read(place)
    except RequestError as error:
        why = re.sub(f"^{re.escape(str(place))} ", "it ", str(error))
        notes.append(Note(code="shard-unreadable", message=f"the shard {shard} cannot be read: {why}"))
    except (OSError, ValueError) as error:
        notes.append(Note(code="shard-unreadable", message=f"the shard {shard} cannot be read: {error}"))
    return None


def _read(place: Path) -> Catalog:
    with place.open("rb") as stream:
        head = stream.read(_HEAD)
    kind = sniff(head, place, SHARD_FORMATS)
    if kind is None:
        raise refused_first(head, place) or refused(head, place)
    catalog: Catalog = kind.open(place)
    return catalog

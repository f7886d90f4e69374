"""Distributed checkpoints of torch: a folder with ``.metadata``, and ``.distcp`` files with the pieces of the tensors.

``.metadata`` is a pickle of the records of ``torch/distributed/checkpoint/metadata.py``; it is read inertly. Each piece
is a small archive of ``torch.save`` at a place that ``_StorageInfo`` tells (``filesystem.py`` there).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.allowed_globals import named_globals, warning
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor, Piece
from inspector.files.containment import Containment
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.inert_pickle import MAX_BYTES, BrokenPickleError, Call, Pickled, read_pickle
from inspector.files.pickled_text import encodable, key_text, path_of, text_of
from inspector.files.torch_objects import MAX_TENSORS
from inspector.files.torch_tensors import MAX_ELEMENTS, dtype_name, sizes

NAME = ".metadata"
MAX_PIECES = 500_000
MAX_FILES = 20_000
MAX_PATH = 16
_RECORDS = "torch.distributed.checkpoint.metadata"
_Offset = tuple[int, ...] | None


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file is a pickle that begins with the metadata of a distributed checkpoint, or is named so."""
    return head.startswith(b"\x80") and (path.name == NAME or _RECORDS.encode() in head[:200])


def open(path: Path, allow_outside: bool = False) -> Catalog:
    """Read the catalog by the metadata; files that are missing, outside or cut off become notes.

    Raises RequestError where the metadata is damaged, or the pickle of something else.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RequestError(f"{path} is too large for the metadata of a checkpoint ({size:,} bytes)")
    try:
        return _read(path, size, read_pickle(path.read_bytes()), Containment(path.parent, allow_outside))
    except BrokenPickleError as error:
        raise RequestError(f"{path} is cut off or damaged ({error}){warning(error.globals)}; fetch it again") from error


def _read(path: Path, size: int, pickled: Pickled, within: Containment) -> Catalog:
    state = pickled.value.state if isinstance(pickled.value, Call) else None
    if not isinstance(state, dict) or not isinstance(state.get("state_dict_metadata"), dict):
        raise RequestError(
            f"{path} is a pickle but not the metadata of a distributed checkpoint{warning(pickled.globals)}; it was "
            "only read, not run"
        )
    places = _Places(within)
    places.read(state.get("storage_data"))
    tree = _Tree(state.get("planner_data"))
    tensors = []
    if len(state["state_dict_metadata"]) > MAX_TENSORS:
        raise BrokenPickleError(f"it tells of more than {MAX_TENSORS:,} tensors")
    for given, record in state["state_dict_metadata"].items():
        key = key_text(given)
        container, name = tree.place(given, key)
        entries = tree.entries(container)
        kind = path_of(record).rpartition(".")[2]
        if kind != "TensorStorageMetadata":
            found = places.at.get((key, None))
            entries[name] = f"{found[2]} bytes in {found[0]}" if found else f"{text_of(record)}, in no file"
            continue
        try:
            tensors.append(_tensor(record.state, key, container, name, places))
        except BrokenPickleError:
            raise
        except (KeyError, ValueError, TypeError, IndexError, AttributeError):
            entries[name] = "a tensor that is not understood"
            places.notes.append(
                Note(code="not-understood", message=f"{key} is described in a way that is not understood")
            )
    return Catalog(
        path=str(path.parent),
        format="torch-distributed",
        bytes=size + sum(places.sizes[name] for name in places.used if places.sizes[name] > 0),
        root="mapping",
        root_type="torch.distributed.checkpoint",
        tensors=tensors,
        containers=tree.containers(tensors),
        globals=named_globals([pickled], _OWN),
        protocol=pickled.protocol,
        shards=sorted(name for name in places.used if places.sizes[name] >= 0),
        named=[str(path), *(str(places.within.folder / name) for name in places.used)],
        notes=places.notes,
    )


_OWN = {
    *(f"{_RECORDS}.{name}" for name in (
        "Metadata", "TensorStorageMetadata", "BytesStorageMetadata", "ChunkStorageMetadata", "TensorProperties",
        "MetadataIndex", "StorageMeta", "_MEM_FORMAT_ENCODING",
    )),
    "torch.distributed.checkpoint.filesystem._StorageInfo", "pathlib.PosixPath",
    "pathlib.Path", "pathlib._local.PosixPath",
}  # fmt: skip
"""What torch itself writes there. It reads the file with plain `pickle`, so anything else in it would run."""


@dataclass(slots=True)
class _Places:
    """Where the pieces lie, by key and offset: (file's name, byte, bytes)."""

    within: Containment
    at: dict[tuple[str, _Offset], tuple[str, int, int]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    """Of the files, -1 where one is missing or outside."""
    notes: list[Note] = field(default_factory=list)
    pieces: int = 0

    def count(self, pieces: int) -> None:
        """Count the pieces of a tensor; raises BrokenPickleError beyond the bound."""
        self.pieces += pieces
        if self.pieces > MAX_PIECES:
            raise BrokenPickleError(f"it tells of more than {MAX_PIECES:,} pieces")

    def read(self, storage: Any) -> None:
        for index, info in storage.items() if isinstance(storage, dict) else ():
            try:
                told, place = index.state, info.state
                offset = None if told.get("offset") is None else sizes(told["offset"])
                start, length = sizes([place["offset"], place["length"]])
                name = place["relative_path"]
                if isinstance(name, str):
                    self.at[key_text(told["fqn"]), offset] = (encodable(name), start, length)
            except (AttributeError, KeyError, ValueError, TypeError):
                continue
        names = dict.fromkeys(name for name, _, _ in self.at.values())
        if len(names) > MAX_FILES:
            raise BrokenPickleError(f"it names {len(names):,} files")
        for name in names:
            self._look_at(name)

    def _look_at(self, name: str) -> None:
        self.used.add(name)
        self.sizes[name] = -1
        place = self.within.find(name)
        if place is None:
            message = f"the metadata points outside its folder, to {name}: it is not looked at"
            self.notes.append(Note(code="shard-outside", message=message))
            return
        try:
            self.sizes[name] = place.stat().st_size if place.is_file() else -1
        except (OSError, ValueError):
            self.sizes[name] = -1
        if self.sizes[name] < 0:
            self.notes.append(Note(code="shard-missing", message=f"the file {name} is not beside the metadata"))


@dataclass(slots=True)
class _Tree:
    """The containers that the saved state had, from the paths that the planner kept."""

    paths: Any
    texts: dict[tuple[str, ...], dict[str, str]] = field(default_factory=lambda: {(): {}})

    def place(self, given: Any, key: str) -> tuple[list[str], str]:
        path = self.paths.get(given) if isinstance(self.paths, dict) and isinstance(given, str) else None
        parts = [key_text(part) for part in path] if isinstance(path, tuple) and 0 < len(path) <= MAX_PATH else [key]
        if sum(map(len, parts)) + len(parts) - 1 != len(key) or ".".join(parts) != key:
            parts = [key]
        return parts[:-1], parts[-1]

    def entries(self, container: list[str]) -> dict[str, str]:
        for depth in range(1, len(container)):
            self.texts.setdefault(tuple(container[:depth]), {})
        return self.texts.setdefault(tuple(container), {})

    def containers(self, tensors: list[CatalogTensor]) -> list[CatalogContainer]:
        held: dict[tuple[str, ...], int] = defaultdict(int)
        for tensor in tensors:
            held[tuple(tensor.container)] += 1
        return [
            CatalogContainer(
                path=list(path),
                type="dict" if path else "torch.distributed.checkpoint",
                tensors=held[path],
                entries=texts,
            )
            for path, texts in self.texts.items()
        ]


def _tensor(state: dict[str, Any], key: str, container: list[str], name: str, places: _Places) -> CatalogTensor:
    properties = state["properties"].state
    dtype, gradient = (properties[0], properties[2]) if isinstance(properties, tuple) else (properties["dtype"], False)
    shape = sizes(state["size"])
    elements = prod(shape)
    if elements > MAX_ELEMENTS:
        raise ValueError("an impossible shape")
    pieces = []
    places.count(len(state["chunks"]))
    for chunk in state["chunks"]:
        at, lengths = sizes(chunk.state["offsets"]), sizes(chunk.state["sizes"])
        fits = len(at) == len(lengths) == len(shape)
        if not fits or any(a + n > whole for a, n, whole in zip(at, lengths, shape, strict=True)):
            places.notes.append(Note(code="not-understood", message=f"a piece of {key} at {list(at)} is not within it"))
            continue
        found = places.at.get((key, at))
        if found is None:
            places.notes.append(Note(code="piece-missing", message=f"the piece of {key} at {list(at)} is in no file"))
            continue
        file, start, length = found
        size = places.sizes[file]
        if start + length > size >= 0:
            message = f"the piece of {key} at {list(at)} ends at byte {start + length} of {file}, which has {size}"
            places.notes.append(Note(code="out-of-storage", message=message, path=key))
        pieces.append(
            Piece(at=list(at), shape=list(lengths), file=str(places.within.folder / file), start=start, bytes=length)
        )
    named = dtype_name(dtype)
    return CatalogTensor(
        key=key,
        container=container,
        name=name,
        shape=list(shape),
        dtype=named,
        storage=None,
        storage_offset=0,
        strides=[prod(shape[axis + 1 :]) for axis in range(len(shape))],
        device="cpu",
        elements=elements,
        bytes=elements * ITEM_BYTES[named],
        requires_grad=gradient is True,
        pieces=pieces,
    )

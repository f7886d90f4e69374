"""What the top of a torch file holds: containers, tensors, modules, and everything else as text."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.catalog import CatalogContainer, CatalogModule, CatalogTensor, Setting
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.inert_pickle import BrokenPickleError, Call, Global, Persistent
from inspector.files.pickled_text import SEQUENCES, encodable, path_of, text_of, type_name
from inspector.files.torch_mappings import MAPPINGS, MAX_ENTRIES, entries_of, is_numbered, size_of
from inspector.files.torch_metadata import metadata_of
from inspector.files.torch_modules import FAMILIES, Families, Family, described, is_module, parts_of, tensors_in
from inspector.files.torch_tensors import MAX_ELEMENTS, View, view

MAX_DEPTH = 64
MAX_TENSORS = 250_000
MAX_CHARACTERS = 32 * 2**20
"""Of all keys together, each with its containers' keys: far more than a checkpoint has, little enough to hold."""
MAX_MENTIONS = 4
"""How often one container is listed: a few bytes can refer to each other so that every level doubles."""
_TENSOR_MAKERS = ("torch._utils._rebuild_", "torch._tensor._rebuild_", "torch.nn.parameter.Uninitialized")
_SCALARS = (str, int, float, bytes, type(None), Global, Persistent)


@dataclass(slots=True)
class Contents:
    """What a walk through the top of a file found."""

    root: str
    root_type: str
    tensors: list[CatalogTensor] = field(default_factory=list)
    containers: list[CatalogContainer] = field(default_factory=list)
    modules: list[CatalogModule] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    storages: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The bytes that each storage must have by what its tensors say, and one of those tensors."""


def read_contents(value: Any, families: Families | None = None, apart: Mapping[str, View] | None = None) -> Contents:
    """List the tensors and containers below `value`, the inert top of a torch file.

    `families` tells the parameters of TorchScript classes from their buffers. `apart` are tensors that the file keeps
    beside its pickle, by the name that stands for each. Raises BrokenPickleError beyond the bounds.
    """
    walk = _Walk(families, apart or {})
    seen = walk.view(value)
    contents = walk.contents = Contents(_root(value, seen), "tensor" if seen else type_name(value))
    if seen:
        walk.add(seen, [], "")
    else:
        walk.into(value, [], frozenset())
    return contents


def _root(value: Any, seen: View | None) -> str:
    if seen:
        return "tensor"
    if is_module(value):
        return "module"
    if entries_of(value) is None:
        return "other"
    return "list" if isinstance(value, list | tuple) or path_of(value) in SEQUENCES else "mapping"


class _Walk:
    contents: Contents

    def __init__(self, families: Families | None, apart: Mapping[str, View]) -> None:
        self.families = families
        self.apart = apart
        self.entries = 0
        self.characters = 0
        self.mentions: Counter[int] = Counter()
        self.plain: dict[int, bool] = {}

    def view(self, value: Any) -> View | None:
        """The tensor that a record stands for, None where it is none."""
        if isinstance(value, Persistent):
            return self.apart.get(value.identity) if isinstance(value.identity, str) else None
        return view(value)

    def into(self, container: Any, path: list[str], above: frozenset[int]) -> None:
        """List what `container` holds; `above` are the containers it is in, so that a cycle ends."""
        if len(path) > MAX_DEPTH:
            raise RequestError(
                f"the mappings and lists in the file nest more than {MAX_DEPTH} deep, and none deeper are looked at; "
                "save what you need of them in a file of its own"
            )
        above |= {id(container)}
        place = len(self.contents.containers)
        self.contents.containers.append(CatalogContainer(path=path, type=type_name(container), tensors=0))
        first = len(self.contents.tensors)
        texts: dict[str, str] = {}
        inner: list[tuple[str, Any]] = []
        metadata: dict[str, dict[str, Setting]] = {}
        if is_module(container):
            self._into_model(container, path, texts)
        else:
            metadata = metadata_of(container)
            self._count(len(metadata))
            self.characters += sum(map(len, metadata))
            for key, value in entries_of(container) or ():
                if (
                    not self._listed(value, path, key, texts)
                    and self._is_worth_listing(value)
                    and id(value) not in above
                ):
                    inner.append((key, value))
                    del texts[key]
        self.contents.containers[place] = CatalogContainer(
            path=path,
            type=type_name(container),
            tensors=len(self.contents.tensors) - first,
            entries=texts,
            metadata=metadata,
            numbered=is_numbered(container),
        )
        for key, value in inner:
            self.into(value, [*path, key], above)

    def _into_model(self, model: Call, path: list[str], texts: dict[str, str]) -> None:
        # Only pickled models need formulas and receptive fields.
        from inspector.files.field_chain import with_receptive_fields

        modules = []
        for part in parts_of(model, MAX_CHARACTERS - self.characters):
            state = part.module.state
            self._count(len(state) + sum(size_of(state.get(family)) for family in FAMILIES))
            modules.append(described(part, path))
            for key, value, family, persistent in tensors_in(part, self.families):
                self._listed(value, path, key, texts, family, persistent)
        self.contents.modules += with_receptive_fields(modules)

    def _listed(
        self,
        value: Any,
        path: list[str],
        key: str,
        texts: dict[str, str],
        family: Family | None = None,
        persistent: bool = True,
    ) -> bool:
        """Add `value` as a tensor, or what it is as text; whether it was a tensor."""
        self._count(1)
        self.characters += len(key) + sum(map(len, path))
        if self.characters > MAX_CHARACTERS:
            raise BrokenPickleError(f"its keys have more than {MAX_CHARACTERS:,} characters")
        seen = self.view(value)
        if seen and seen.elements <= MAX_ELEMENTS:
            self.add(seen, path, key, family, persistent)
            return True
        texts[key] = text_of(value)
        name = ".".join([*path, key])
        if seen:
            message = f"{name} is said to have the shape {list(seen.shape)}, more elements than any tensor can have"
            self.contents.notes.append(Note(code="impossible-shape", message=message, path=name))
        elif path_of(value).startswith(_TENSOR_MAKERS):
            message = f"{name} is a tensor stored in a way that is not understood: {encodable(path_of(value))}"
            self.contents.notes.append(Note(code="not-understood", message=message))
        return False

    def _count(self, entries: int) -> None:
        self.entries += entries
        if self.entries > MAX_ENTRIES:
            raise BrokenPickleError(f"more than {MAX_ENTRIES:,} entries")

    def _is_worth_listing(self, value: Any) -> bool:
        """Whether it is a container with more in it than numbers and text in a row, and not listed too often."""
        if isinstance(value, _SCALARS):
            return False
        if id(value) not in self.plain:
            self.plain[id(value)] = not _holds_containers(value)
        if self.plain[id(value)]:
            return False
        self.mentions[id(value)] += 1
        return self.mentions[id(value)] <= MAX_MENTIONS

    def add(
        self, seen: View, container: list[str], name: str, family: Family | None = None, persistent: bool = True
    ) -> None:
        """Record a tensor, and what its storage must have for it."""
        key = ".".join([*container, name]) if container else name
        elements, item = seen.elements, ITEM_BYTES[seen.dtype]
        tensor = CatalogTensor(
            key=key,
            container=container,
            name=name,
            shape=list(seen.shape),
            dtype=seen.dtype,
            storage=seen.storage,
            storage_offset=seen.offset,
            strides=list(seen.strides),
            device=seen.device,
            elements=elements,
            bytes=elements * item if seen.stored_bytes is None else seen.stored_bytes,
            layout=seen.layout,
            conjugated=seen.conjugated,
            negated=seen.negated,
            quantised=seen.quantised,
            requires_grad=seen.requires_grad,
            family=family,
            persistent=persistent,
        )
        self.contents.tensors.append(tensor)
        if len(self.contents.tensors) > MAX_TENSORS:
            raise BrokenPickleError(f"more than {MAX_TENSORS:,} tensors")
        if seen.storage is None:
            return
        last = seen.offset + sum((size - 1) * stride for size, stride in zip(seen.shape, seen.strides, strict=True))
        needed = (last + 1) * item if elements else 0
        known, by = self.contents.storages.get(seen.storage, (0, key))
        self.contents.storages[seen.storage] = (max(needed, known), key if needed > known else by)
        if needed > seen.storage_bytes:
            message = f"{key} reaches to byte {needed} of a storage that is declared to have {seen.storage_bytes}"
            self.contents.notes.append(Note(code="out-of-storage", message=message, path=key))


def _holds_containers(value: Any) -> bool:
    if is_module(value):
        return True
    pairs = entries_of(value)
    if not pairs:
        return False
    named = isinstance(value, dict) or path_of(value) in MAPPINGS
    return named or not all(isinstance(item, _SCALARS) for _, item in pairs)

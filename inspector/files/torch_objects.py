"""Tensors and containers among the inert records of a torch pickle.

A tensor is a recorded call of one of the rebuild functions of ``torch/_utils.py``; its storage is a persistent
reference ``('storage', type, key, location, elements)``. Whatever does not look like that is kept as text.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inspector.core.table import Note
from inspector.files.catalog import CatalogContainer, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES, STORAGE_DTYPES
from inspector.files.inert_pickle import BrokenPickleError, Call, Global, Persistent

MAX_DEPTH = 64
MAX_ENTRIES = 2_000_000
MAX_MODULES = 100_000
MAX_MENTIONS = 4
"""How often one container is listed: a few bytes can refer to each other so that every level doubles."""
_SHOWN = 60
_SCALARS = (str, int, float, bytes, type(None), Global, Persistent)
_MAPPINGS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}
_SEQUENCES = {"builtins.set", "builtins.frozenset", "builtins.list", "torch.Size"}


@dataclass(slots=True)
class Contents:
    """What a walk through the top of a file found."""

    root: str
    root_type: str
    tensors: list[CatalogTensor] = field(default_factory=list)
    containers: list[CatalogContainer] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    storages: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The bytes that each storage must have by what its tensors say, and one of those tensors."""
    declared: dict[str, int] = field(default_factory=dict)
    """The bytes that each storage is declared to have."""


@dataclass(frozen=True, slots=True)
class _View:
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    storage: str | None
    device: str
    requires_grad: bool = False
    layout: str = "strided"
    stored_bytes: int | None = None
    storage_bytes: int = 0


def read_contents(value: Any) -> Contents:
    """List the tensors and containers below `value`, the inert top of a torch file.

    Raises BrokenPickleError where it nests or repeats itself beyond the bounds.
    """
    view = _view(value)
    pairs = None if view else _entries(value)
    if view:
        root = "tensor"
    elif _is_module(value):
        root = "module"
    elif pairs is not None:
        root = "list" if isinstance(value, list | tuple) or _path(value) in _SEQUENCES else "mapping"
    else:
        root = "other"
    contents = Contents(root, _type_name(value))
    if view:
        _add_tensor(contents, view, [], "")
    else:
        _Walk(contents).into(value, [], frozenset())
    return contents


class _Walk:
    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.entries = 0
        self.mentions: Counter[int] = Counter()

    def into(self, container: Any, path: list[str], above: frozenset[int]) -> None:
        """List what `container` holds; `above` are the containers it is in, so that a cycle ends."""
        if len(path) > MAX_DEPTH:
            raise BrokenPickleError(f"containers nest more than {MAX_DEPTH} deep")
        above |= {id(container)}
        place = len(self.contents.containers)
        self.contents.containers.append(CatalogContainer(path=path, type=_type_name(container), tensors=0))
        tensors, texts, inner = 0, {}, []
        pairs = _module_tensors(container) if _is_module(container) else _entries(container) or ()
        for key, value in pairs:
            self.entries += 1
            if self.entries > MAX_ENTRIES:
                raise BrokenPickleError(f"more than {MAX_ENTRIES} entries")
            view = _view(value)
            if view:
                _add_tensor(self.contents, view, path, key)
                tensors += 1
            elif self._is_worth_listing(value) and id(value) not in above:
                inner.append((key, value))
            else:
                texts[key] = _text(value)
                if _path(value).startswith("torch._utils._rebuild_"):
                    message = (
                        f"{'.'.join([*path, key])} is a tensor stored in a way that is not understood: {value.path}"
                    )
                    self.contents.notes.append(Note(code="not-understood", message=message))
        self.contents.containers[place] = CatalogContainer(
            path=path, type=_type_name(container), tensors=tensors, entries=texts
        )
        for key, value in inner:
            self.into(value, [*path, key], above)

    def _is_worth_listing(self, value: Any) -> bool:
        """Whether it is a container with more in it than numbers and text in a row, and not listed too often."""
        if isinstance(value, _SCALARS):
            return False
        pairs = None if _is_module(value) else _entries(value)
        if pairs is not None and all(isinstance(item, _SCALARS) for _, item in pairs):
            named = isinstance(value, dict) or _path(value) in _MAPPINGS
            if not pairs or not named:
                return False
        elif pairs is None and not _is_module(value):
            return False
        self.mentions[id(value)] += 1
        return self.mentions[id(value)] <= MAX_MENTIONS


def _path(value: Any) -> str:
    return value.path if isinstance(value, Call) else ""


def _entries(value: Any) -> list[tuple[str, Any]] | None:
    """Keys and values of a mapping or list; None where `value` is neither."""
    if isinstance(value, dict):
        pairs: Iterator[tuple[Any, Any]] | list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    elif _path(value) in _MAPPINGS:
        given = value.args[-1] if isinstance(value.args, tuple) and value.args else ()
        pairs = [*_pairs(given), *value.entries]
    elif _path(value) in _SEQUENCES:
        given = value.args[0] if isinstance(value.args, tuple) and value.args else ()
        pairs = list(enumerate([*(given if isinstance(given, list | tuple) else ()), *value.items]))
    elif _path(value).startswith("__torch__.") and isinstance(value.state, dict):
        pairs = list(value.state.items())
    else:
        return None
    return list({_key(key): item for key, item in pairs}.items())


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    if isinstance(given, dict):
        return list(given.items())
    if isinstance(given, list | tuple):
        return [(pair[0], pair[1]) for pair in given if isinstance(pair, list | tuple) and len(pair) == 2]
    return []


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _text(key)


def _is_module(value: Any) -> bool:
    """Whether `value` is a pickled ``torch.nn.Module``: by the dictionaries every module has, not by its class."""
    return (
        isinstance(value, Call)
        and isinstance(value.state, dict)
        and {"_parameters", "_buffers", "_modules"} <= value.state.keys()
    )


def _module_tensors(module: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of a pickled module under the keys that its ``state_dict()`` would give them."""
    waiting: list[tuple[str, Any, int]] = [("", module, 0)]
    visited = 0
    while waiting:
        prefix, current, depth = waiting.pop()
        visited += 1
        if depth > MAX_DEPTH or visited > MAX_MODULES:
            raise BrokenPickleError("modules nest without end")
        for family in ("_parameters", "_buffers"):
            for name, value in _entries(current.state[family]) or ():
                if value is not None:
                    yield prefix + name, value
        children = _entries(current.state["_modules"]) or []
        waiting += [(f"{prefix}{name}.", child, depth + 1) for name, child in reversed(children) if _is_module(child)]


def _add_tensor(contents: Contents, view: _View, container: list[str], name: str) -> None:
    key = ".".join([*container, name]) if container else name
    elements = 1
    for size in view.shape:
        elements *= size
    item = ITEM_BYTES[view.dtype]
    contents.tensors.append(
        CatalogTensor(
            key=key,
            container=container,
            name=name,
            shape=list(view.shape),
            dtype=view.dtype,
            storage=view.storage,
            storage_offset=view.offset,
            strides=list(view.strides),
            device=view.device,
            elements=elements,
            bytes=elements * item if view.stored_bytes is None else view.stored_bytes,
            layout=view.layout,
            requires_grad=view.requires_grad,
        )
    )
    if view.storage is None:
        return
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    needed = (last + 1) * item if elements else 0
    contents.declared[view.storage] = view.storage_bytes
    known, by = contents.storages.get(view.storage, (0, key))
    contents.storages[view.storage] = (max(needed, known), key if needed > known else by)
    if needed > view.storage_bytes:
        contents.notes.append(
            Note(
                code="out-of-storage",
                message=f"{key} reaches to byte {needed} of a storage that is declared to have {view.storage_bytes}",
                path=key,
            )
        )


def _view(value: Any, depth: int = 0) -> _View | None:
    """The tensor that a recorded call would build; None where it is not one, or not well-formed."""
    if not isinstance(value, Call) or not isinstance(value.args, tuple) or depth > 8:
        return None
    args, path = value.args, value.path
    try:
        if path == "torch._tensor._rebuild_from_type_v2":
            return _view(Call(args[0], args[2]), depth + 1)
        if path in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
            data = _view(args[0], depth + 1)
            return data and _changed(data, requires_grad=args[1] is True)
        if path in (
            "torch._utils._rebuild_device_tensor_from_cpu_tensor",
            "torch._utils._rebuild_device_tensor_from_numpy",
        ):
            data = _view(args[0], depth + 1)
            return data and _changed(data, device=str(args[2]))
        if path == "torch._utils._rebuild_meta_tensor_no_storage":
            return _View(_dtype(args[0]), _sizes(args[1]), _sizes(args[2]), 0, None, "meta", args[3] is True)
        if path == "torch._utils._rebuild_wrapper_subclass":
            return _View(_dtype(args[1]), _sizes(args[2]), _sizes(args[3]), int(args[4]), None, _text(args[6]))
        if path == "torch._utils._rebuild_sparse_tensor":
            return _sparse(args, depth)
        if path in (
            "torch._utils._rebuild_tensor",
            "torch._utils._rebuild_tensor_v2",
            "torch._utils._rebuild_tensor_v3",
            "torch._utils._rebuild_qtensor",
        ):
            return _strided(path, args)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return None
    return None


def _changed(view: _View, *, requires_grad: bool | None = None, device: str | None = None) -> _View:
    return _View(
        view.dtype, view.shape, view.strides, view.offset, view.storage, device or view.device,
        view.requires_grad if requires_grad is None else requires_grad,
        view.layout, view.stored_bytes, view.storage_bytes,
    )  # fmt: skip


def _strided(path: str, args: tuple[Any, ...]) -> _View:
    kind, storage_type, key, location, count, *more = args[0].identity
    if kind != "storage" or not isinstance(storage_type, Global) or not isinstance(count, int) or count < 0:
        raise ValueError("not a storage")
    stored = STORAGE_DTYPES[storage_type.name]
    dtype = _dtype(args[6]) if path.endswith("_v3") else stored
    offset, shape, strides = int(args[1]), _sizes(args[2]), _sizes(args[3])
    if more and more[0] is not None:
        # Files from before torch 0.4 keep views of storages: (key, offset, size).
        offset += int(more[0][1])
    if offset < 0 or len(shape) != len(strides):
        raise ValueError("not a view")
    gradient = args[5] if path.endswith("qtensor") else args[4] if len(args) > 4 else False
    return _View(
        dtype,
        shape,
        strides,
        offset,
        str(key),
        str(location),
        gradient is True,
        storage_bytes=count * ITEM_BYTES[stored],
    )


def _sparse(args: tuple[Any, ...], depth: int) -> _View | None:
    layout = str(args[0].args[0]).removeprefix("torch.")
    parts = [part for part in (_view(item, depth + 1) for item in args[1]) if part]
    size = next(item for item in args[1] if isinstance(item, Call) and item.path == "torch.Size")
    shape = _sizes(size)
    stored = 0
    for part in parts:
        elements = 1
        for length in part.shape:
            elements *= length
        stored += elements * ITEM_BYTES[part.dtype]
    # The values come after the indices in every sparse layout.
    return _View(parts[-1].dtype, shape, (), 0, None, parts[-1].device, layout=layout, stored_bytes=stored)


def _dtype(value: Any) -> str:
    if isinstance(value, Global) and value.module == "torch" and value.name in ITEM_BYTES:
        return value.name
    raise ValueError("not a dtype")


def _sizes(value: Any) -> tuple[int, ...]:
    if isinstance(value, Call) and value.path == "torch.Size":
        value = value.args[0]
    sizes = tuple(value)
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ValueError("not sizes")
    return sizes


def _type_name(value: Any) -> str:
    if isinstance(value, Call):
        if value.path == "copyreg._reconstructor" and value.args and isinstance(value.args[0], Global):
            return value.args[0].path
        # The format from before 1.6 keeps a module's class beside the pickle, with its source.
        kept = value.function.identity if isinstance(value.function, Persistent) else ()
        if isinstance(kept, tuple) and len(kept) > 1 and kept[0] == "module" and isinstance(kept[1], Global):
            return kept[1].path
        return value.path or "object"
    return type(value).__name__


def _text(value: Any) -> str:
    """A short text for anything; never walks into containers, which may be endless."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    if isinstance(value, bool | float | type(None)):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 256 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Global):
        return value.path
    if isinstance(value, Persistent):
        return "a storage"
    if isinstance(value, Call) and value.path == "torch.device" and isinstance(value.args, tuple):
        return ":".join(str(part) for part in value.args if isinstance(part, str | int))
    if _path(value) == "torch.Size" and isinstance(value, Call) and value.args:
        return _text(value.args[0])
    if (
        isinstance(value, list | tuple)
        and len(value) <= 8
        and all(isinstance(item, int | float | str) for item in value)
    ):
        return f"({', '.join(_text(item) for item in value)})"
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"
    return f"{_type_name(value)} object"

"""Exported programs of ``torch.export.save``: a zip archive (.pt2), one record a weight, and JSON about them.

The layout is that of ``torch/export/pt2_archive`` since 2.9. Programs of 2.8 and before keep their weights as small
archives of ``torch.save`` within this one; those are read in place. The program itself is not looked at.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Literal

import msgspec
from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.allowed_globals import named_globals
from inspector.files.catalog import Catalog, CatalogContainer, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.inert_pickle import Pickled
from inspector.files.torch_objects import Contents
from inspector.files.torch_tensors import MAX_DIMENSIONS, MAX_ELEMENTS
from inspector.files.torch_zip import (
    PICKLE,
    is_big_endian,
    nested,
    read_archive,
    record_sizes,
    repeated_names,
    short_records,
)
from inspector.files.zip_directory import STORED, BrokenZipError, ZipDirectory, read_directory

MAX_CONFIG = 64 * 2**20
MAX_OBJECTS = 2_000_000
MAX_NESTED = 1000
MAX_PICKLES = 24 * 2**20
"""Bytes of the pickles of all archives within the archive."""
_MARKS = ("archive_format", "serialized_exported_program.json")
_DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu",
    34: "uint32", 35: "uint64",
}  # fmt: skip
"""``ScalarType`` of ``torch/_export/serde/schema.py``."""
_STRIDED = 7
_OLD_PARTS: dict[str, list[str]] = {"serialized_state_dict.pt": [], "serialized_constants.pt": ["constants"]}


class _Size(msgspec.Struct):
    as_int: int | None = None


class _Device(msgspec.Struct):
    type: str
    index: int | None = None


class _Meta(msgspec.Struct):
    dtype: int
    sizes: list[_Size]
    requires_grad: bool
    device: _Device
    strides: list[_Size]
    storage_offset: _Size
    layout: int


class _Payload(msgspec.Struct):
    path_name: str
    is_param: bool
    use_pickle: bool
    tensor_meta: _Meta | None = None


class _Config(msgspec.Struct):
    config: dict[str, _Payload]


@dataclass(slots=True)
class _Found:
    tensors: list[CatalogTensor] = field(default_factory=list)
    containers: list[CatalogContainer] = field(default_factory=list)
    pickles: list[Pickled] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    left: int = MAX_PICKLES
    nested: int = 0


def sniff(directory: ZipDirectory) -> bool:
    """Whether the archive is an exported program."""
    return any(name.rpartition("/")[2] in _MARKS for name in directory.members)


def open(directory: ZipDirectory) -> Catalog:
    """List the weights and constants; raises RequestError where their description cannot be read."""
    mark = next(name for name in directory.members if name.rpartition("/")[2] in _MARKS)
    prefix = mark[: len(mark) - len(mark.rpartition("/")[2])]
    found, others = _Found(), {}
    models = [name[len(prefix) + 7 : -5] for name in directory.members if name.startswith(f"{prefix}models/")]
    parts = {f"{prefix}{name}": container for name, container in _OLD_PARTS.items()}
    for model in models:
        outer = [model] if len(models) > 1 else []
        for kind, container in (("weights", outer), ("constants", [*outer, "constants"])):
            parts[f"{prefix}data/{kind}/{model}.pt"] = container
            parts[f"{prefix}data/{kind}/{model}_{kind}_config.json"] = container
    for name, member in directory.members.items():
        part = name[len(prefix) :]
        if name in parts:
            read = _list_nested if name.endswith(".pt") else _list_described
            read(directory, name, parts[name], found)
        elif not part.startswith((".data/", "data/weights/", "data/constants/")):
            others[part] = f"{member.size} bytes"
            if part.endswith(".pt"):
                _name_globals(directory, name, found)
    if any("aotinductor/" in part for part in others):
        found.notes.append(
            Note(code="compiled-code", message="the archive holds compiled code, which is not looked at")
        )
    direct = sum(not tensor.container for tensor in found.tensors)
    top = CatalogContainer(path=[], type="torch.export.ExportedProgram", tensors=direct, entries=others)
    return Catalog(
        path=str(directory.path),
        format="torch-export",
        bytes=directory.path.stat().st_size,
        root="mapping",
        root_type="torch.export.ExportedProgram",
        tensors=found.tensors,
        containers=[top, *found.containers],
        globals=named_globals(found.pickles),
        big_endian=is_big_endian(directory, prefix),
        protocol=max((pickled.protocol for pickled in found.pickles), default=None),
        notes=[*found.notes, *repeated_names(directory)],
    )


def _list_described(directory: ZipDirectory, name: str, container: list[str], found: _Found) -> None:
    """Add what one ``*_config.json`` describes: raw records beside it, and small archives of ``torch.save``."""
    try:
        told = directory.read(name, MAX_CONFIG)
        if told.count(b"{") > MAX_OBJECTS:
            raise BrokenZipError(f"{name} describes more weights than any program has")
        config = msgspec.json.decode(told, type=_Config).config
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(
            f"{directory.path}: {name}, which describes its weights, is not valid ({error}); fetch the file again"
        ) from error
    folder = name[: len(name) - len(name.rpartition("/")[2])]
    needs: dict[str, tuple[int, str]] = {}
    before = len(found.tensors)
    for key, payload in config.items():
        record = f"{folder}{payload.path_name}"
        if payload.use_pickle or payload.tensor_meta is None:
            _list_nested(directory, record, container, found, key, _family(payload))
            continue
        tensor = _tensor(str(directory.path), record, container, key, payload, payload.tensor_meta)
        if tensor is None:
            found.notes.append(
                Note(code="not-understood", message=f"{key} is described in a way that is not understood")
            )
            continue
        found.tensors.append(tensor)
        last = tensor.storage_offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
        needed = (last + 1) * ITEM_BYTES[tensor.dtype] if tensor.elements else 0
        if needed > needs.get(payload.path_name, (-1, ""))[0]:
            needs[payload.path_name] = (needed, tensor.key)
    found.notes += short_records(needs.items(), record_sizes(directory, folder))
    if container:
        found.containers.append(CatalogContainer(path=container, type="dict", tensors=len(found.tensors) - before))


def _tensor(
    path: str, record: str, container: list[str], key: str, payload: _Payload, meta: _Meta
) -> CatalogTensor | None:
    shape, strides = [size.as_int for size in meta.sizes], [size.as_int for size in meta.strides]
    dtype = _DTYPES.get(meta.dtype)
    if dtype is None or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS or meta.layout != _STRIDED:
        return None
    numbers = [size for size in (*shape, *strides, meta.storage_offset.as_int) if size is not None and size >= 0]
    if len(numbers) != 2 * len(shape) + 1 or prod(numbers[: len(shape)]) > MAX_ELEMENTS:
        return None
    elements = prod(numbers[: len(shape)])
    index = "" if meta.device.index is None else f":{meta.device.index}"
    return CatalogTensor(
        key=".".join([*container, key]),
        container=container,
        name=key,
        shape=numbers[: len(shape)],
        dtype=dtype,
        storage=record,
        storage_offset=numbers[-1],
        strides=numbers[len(shape) : -1],
        device=f"{meta.device.type}{index}",
        elements=elements,
        bytes=elements * ITEM_BYTES[dtype],
        requires_grad=meta.requires_grad,
        file=path,
        record=record,
        family=_family(payload),
    )


def _family(payload: _Payload) -> Literal["parameter", "buffer"]:
    return "parameter" if payload.is_param else "buffer"


def _list_nested(
    directory: ZipDirectory,
    name: str,
    container: list[str],
    found: _Found,
    key: str = "",
    family: Literal["parameter", "buffer"] | None = None,
) -> None:
    """Add the tensors of an archive of ``torch.save`` that is a member of this one."""
    read = _nested(directory, name, found)
    if read is None:
        return
    inner, prefix, contents = read
    for tensor in nested(contents.tensors, inner, prefix):
        below = [*container, *([key] if key and contents.root != "tensor" else []), *tensor.container]
        own = key if contents.root == "tensor" else tensor.name
        storage = None if tensor.storage is None else f"{name}/{tensor.storage}"
        found.tensors.append(
            replace(
                tensor, container=below, name=own, key=".".join([*below, own]), storage=storage,
                family=family or tensor.family,
            )
        )  # fmt: skip
    found.notes += [*contents.notes, *short_records(contents.storages.items(), record_sizes(inner, f"{prefix}data/"))]


def _name_globals(directory: ZipDirectory, name: str, found: _Found) -> None:
    _nested(directory, name, found)


def _nested(directory: ZipDirectory, name: str, found: _Found) -> tuple[ZipDirectory, str, Contents] | None:
    try:
        inner, prefix = _archive_within(directory, name, found)
        pickled, contents = read_archive(inner, prefix)
    except BrokenZipError as error:
        found.notes.append(
            Note(code="not-understood", message=f"the part {name} of the archive cannot be read: {error}")
        )
        return None
    found.pickles.append(pickled)
    return inner, prefix, contents


def _archive_within(directory: ZipDirectory, name: str, found: _Found) -> tuple[ZipDirectory, str]:
    member = directory.members.get(name)
    if member is None or member.method != STORED:
        raise BrokenZipError("it is not there" if member is None else "it is compressed")
    inner = read_directory(directory.path, directory.place(name), member.size)
    pickles = [inside for inside in inner.members if inside.rpartition("/")[2] == PICKLE]
    if not pickles:
        raise BrokenZipError("it holds no pickle")
    pickle = min(pickles, key=len)
    found.nested += 1
    found.left -= inner.members[pickle].size
    if found.left < 0 or found.nested > MAX_NESTED:
        raise RequestError(f"{directory.path} holds more archives than an exported program has; it is not read")
    return inner, pickle.removesuffix(PICKLE)

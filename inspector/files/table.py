"""The model table of a file of tensors on its own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from inspector.core.table import FileInfo, ModelInfo, ModelTable, Note, Row, Tensor, Totals
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.dtypes import is_floating

MAX_PARTS = 200
"""Of a key; a longer one is not a path of modules."""
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def table_of(catalog: Catalog, target: str) -> ModelTable:
    """Rows by the parts of the keys, and the tensors; storages that tensors share are counted once."""
    root = _Node("", Path(catalog.path).name, catalog.root_type)
    types = {".".join(container.path): container.type for container in catalog.containers}
    for tensor in catalog.tensors:
        _place(root, tensor, types)
    rows: list[Row] = []
    _add_rows(root, None, 0, rows)
    parameters = [tensor for tensor in catalog.tensors if _kind(tensor) == "parameter"]
    buffers = [tensor for tensor in catalog.tensors if _kind(tensor) == "buffer"]
    (count, size), (buffer_count, buffer_size) = _distinct(parameters), _distinct(buffers)
    ties = _ties(catalog.tensors)
    notes = [
        *catalog.notes,
        Note(
            code="file-only",
            message="a file does not say which tensors are buffers; integers and running statistics are taken for them",
        ),
    ]
    if catalog.unsafe_globals:
        named = ", ".join(catalog.unsafe_globals[:5])
        notes.append(
            Note(
                code="unsafe-globals", message=f"the pickle names what a safe reader refuses: {named}; nothing was run"
            )
        )
    return ModelTable(
        model=ModelInfo(
            name=Path(catalog.path).name,
            framework="file",
            target=target,
            weights=None,
            devices=sorted({tensor.device for tensor in catalog.tensors}),
        ),
        totals=Totals(
            parameters=count,
            trainable_parameters=_distinct([tensor for tensor in parameters if tensor.requires_grad])[0],
            buffers=buffer_count,
            parameter_bytes=size,
            buffer_bytes=buffer_size,
            modules=len(rows),
        ),
        rows=rows,
        tensors=[_tensor(tensor, ties, catalog.root) for tensor in catalog.tensors],
        notes=notes,
        file=FileInfo(
            format=catalog.format,
            bytes=catalog.bytes,
            tensors=len(catalog.tensors),
            globals=catalog.globals,
            unsafe_globals=catalog.unsafe_globals,
            container=_main_container(catalog),
        ),
    )


@dataclass(slots=True)
class _Node:
    path: str
    name: str
    type: str
    children: dict[str, "_Node"] = field(default_factory=dict)
    own: list[CatalogTensor] = field(default_factory=list)


def _place(root: _Node, tensor: CatalogTensor, types: dict[str, str]) -> None:
    node = root
    for part in [*tensor.container, *tensor.name.split(".", MAX_PARTS)[:-1]]:
        child = node.children.get(part)
        if child is None:
            path = f"{node.path}.{part}" if node.path else part
            child = node.children[part] = _Node(path, part, types.get(path, "prefix"))
        node = child
    node.own.append(tensor)


_UNKNOWN = Row(index=-1, parent=None, kind="module", path="", type="", depth=0)


def _add_rows(root: _Node, parent: int | None, depth: int, rows: list[Row]) -> list[CatalogTensor]:
    index = len(rows)
    rows.append(_UNKNOWN)  # until its subtree is counted
    below = list(root.own)
    for child in root.children.values():
        below += _add_rows(child, index, depth + 1, rows)
    parameters = [tensor for tensor in below if _kind(tensor) == "parameter"]
    kept = [tensor for tensor in below if _kind(tensor) == "buffer"]
    (elements, size), (buffers, buffer_size) = _distinct(parameters), _distinct(kept)
    rows[index] = Row(
        index=index,
        parent=parent,
        kind="module",
        path=root.path,
        type=root.type,
        depth=depth,
        subtree=len(rows) - index,
        name=root.name,
        parameters=elements,
        own_parameters=_distinct([tensor for tensor in root.own if _kind(tensor) == "parameter"])[0],
        trainable_parameters=_distinct([tensor for tensor in parameters if tensor.requires_grad])[0],
        buffers=buffers,
        parameter_bytes=size,
        buffer_bytes=buffer_size,
        dtype=", ".join(sorted({tensor.dtype for tensor in below})) or None,
        device=", ".join(sorted({tensor.device for tensor in below})) or None,
    )
    return below


def _kind(tensor: CatalogTensor) -> Literal["parameter", "buffer"]:
    statistics = tensor.name.rpartition(".")[2] in _STATISTICS
    return "buffer" if statistics or not is_floating(tensor.dtype) else "parameter"


def _distinct(tensors: list[CatalogTensor]) -> tuple[int, int]:
    """Elements and bytes, memory that several tensors share counted once."""
    elements = size = 0
    shared: dict[tuple[str, str], list[CatalogTensor]] = {}
    for tensor in tensors:
        if tensor.storage is None:
            elements, size = elements + tensor.elements, size + tensor.bytes
        elif tensor.elements:
            shared.setdefault((tensor.storage, tensor.dtype), []).append(tensor)
    for group in shared.values():
        covered = group[0].elements if len(group) == 1 else _covered(group)
        elements += covered
        size += covered * group[0].bytes // group[0].elements
    return elements, size


def _covered(group: list[CatalogTensor]) -> int:
    """Elements of one storage that the tensors cover: exact where each is dense, else an upper bound."""
    views = {(tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides)): tensor.elements for tensor in group}
    reached, end = 0, 0
    for start, last in sorted((offset, offset + _span(shape, strides)) for offset, shape, strides in views):
        reached += max(0, last - max(start, end))
        end = max(end, last)
    return min(reached, sum(views.values()))


def _span(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def _ties(tensors: list[CatalogTensor]) -> dict[tuple[object, ...], list[str]]:
    ties: dict[tuple[object, ...], list[str]] = {}
    for tensor in tensors:
        ties.setdefault(_identity(tensor), []).append(tensor.key)
    return ties


def _identity(tensor: CatalogTensor) -> tuple[object, ...]:
    if tensor.storage is None or not tensor.elements:
        return (tensor.key,)
    return (tensor.storage, tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides), tensor.dtype)


def _tensor(tensor: CatalogTensor, ties: dict[tuple[object, ...], list[str]], root: str) -> Tensor:
    if root == "tensor":
        expression = "checkpoint"
    elif root == "module":
        expression = f"checkpoint.state_dict()[{tensor.name!r}]"
    else:
        expression = "checkpoint" + "".join(f"[{part!r}]" for part in [*tensor.container, tensor.name])
    return Tensor(
        key=tensor.key,
        kind=_kind(tensor),
        shape=tensor.shape,
        dtype=tensor.dtype,
        device=tensor.device,
        trainable=tensor.requires_grad,
        persistent=True,
        elements=tensor.elements,
        bytes=tensor.bytes,
        tied_to=[key for key in ties[_identity(tensor)] if key != tensor.key],
        expression=expression,
    )


def _main_container(catalog: Catalog) -> str:
    """The mapping with the most tensors in it, "" at the top of the file."""
    counts = {".".join(container.path): container.tensors for container in catalog.containers}
    return max(counts, key=lambda path: counts[path]) if counts else ""

"""How much tensors take together, memory that several share counted once."""

from typing import Literal

from inspector.files.catalog import CatalogTensor
from inspector.files.dtypes import is_floating

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def kind_of(tensor: CatalogTensor) -> Literal["parameter", "buffer"]:
    """What the file says it is, or what its name and dtype suggest where the file says nothing."""
    if tensor.family is not None:
        return tensor.family
    statistics = tensor.name.rpartition(".")[2] in _STATISTICS
    return "buffer" if statistics or not is_floating(tensor.dtype) else "parameter"


def distinct(tensors: list[CatalogTensor]) -> tuple[int, int]:
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

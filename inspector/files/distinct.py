"""How much tensors take together, memory that several share counted once."""

from collections.abc import Iterable, Iterator, Sequence
from math import prod
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


def distinct(tensors: Iterable[CatalogTensor]) -> tuple[int, int]:
    """Elements and bytes, memory that several tensors share, or one holds several times, counted once."""
    elements = size = 0
    for _, held, taken in storages(tensors):
        elements, size = elements + held, size + taken
    return elements, size


def storages(tensors: Iterable[CatalogTensor]) -> Iterator[tuple[CatalogTensor, int, int]]:
    """The first tensor of each storage, and how many elements and bytes of it are held by any.

    A storage that is looked at with several dtypes comes once for each; tensors without one come each for itself.
    """
    shared: dict[tuple[str, str], list[CatalogTensor]] = {}
    for tensor in tensors:
        if tensor.storage is None:
            yield tensor, tensor.elements, tensor.bytes
        elif tensor.elements:
            shared.setdefault((tensor.storage, tensor.dtype), []).append(tensor)
    for group in shared.values():
        elements = elements_held(group[0]) if len(group) == 1 else _covered(group)
        yield group[0], elements, bytes_of(group[0], elements)


def elements_held(tensor: CatalogTensor) -> int:
    """Elements in memory of a tensor: fewer than it claims where it was expanded or its windows overlap.

    Exact but for windows with gaps, of which it is an upper bound.
    """
    if tensor.storage is None or not tensor.elements:
        return tensor.elements
    apart = tensor.elements
    if 0 in tensor.strides:
        apart = prod(size for size, stride in zip(tensor.shape, tensor.strides, strict=True) if stride)
    return min(apart, _span(tensor.shape, tensor.strides))


def bytes_of(tensor: CatalogTensor, elements: int) -> int:
    """What so many elements of the tensor's dtype take."""
    return elements * tensor.bytes // tensor.elements if tensor.elements else 0


def _covered(group: list[CatalogTensor]) -> int:
    """Elements of one storage that the tensors cover: exact where each is dense, else an upper bound."""
    views = {
        (tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides)): elements_held(tensor) for tensor in group
    }
    reached, end = 0, 0
    for start, last in sorted((offset, offset + _span(shape, strides)) for offset, shape, strides in views):
        reached += max(0, last - max(start, end))
        end = max(end, last)
    return min(reached, sum(views.values()))


def _span(shape: Sequence[int], strides: Sequence[int]) -> int:
    span = 1
    for size, stride in zip(shape, strides, strict=True):
        span += (size - 1) * stride
    return span

"""The columns of `summary`: what each says of a row, and of a tensor of a file."""

from collections.abc import Callable
from dataclasses import dataclass

from inspector.core import wording
from inspector.core.memory import MemoryReport
from inspector.core.table import ModelTable, Row, Tensor
from inspector.report.memory_text import MEMORY_COLUMNS, memory_cells

PIECES = 2
"""Named before the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryColumn:
    """One column behind name, type and parameters."""

    title: str
    of_row: Callable[[Row], str] = lambda row: ""
    of_tensor: Callable[[Tensor], str] = lambda tensor: ""
    right: bool = False
    ranges: bool = False
    """Whether blocks that repeat may differ in it: then the first and the last are told."""


def summary_columns(table: ModelTable, memory: MemoryReport | None = None) -> list[SummaryColumn]:
    """The columns of a model, or those of a file that have something to say there."""
    columns = [
        _OUTPUT,
        *(_memory(memory, at, title) for at, title in enumerate(MEMORY_COLUMNS) if memory is not None),
        _FIELD,
        _DEVICE,
    ]
    if table.file is None:
        return columns
    columns = [_SHAPE, _BYTES, _OUTPUT, _FIELD, _FILES]
    if {*table.model.devices} - {"cpu"}:
        columns.insert(-1, _DEVICE)
    return [
        column for column in columns if any(map(column.of_row, table.rows)) or any(map(column.of_tensor, table.tensors))
    ]


def _memory(memory: MemoryReport | None, at: int, title: str) -> SummaryColumn:
    def of_row(row: Row) -> str:
        return memory_cells(memory.rows[row.index])[at] if memory is not None else ""

    return SummaryColumn(title=title, of_row=of_row, right=True)


def _output(row: Row) -> str:
    return wording.shapes(row.output_shapes) if row.output_shapes else ""


def _field(row: Row) -> str:
    if row.local_field is not None:
        return wording.printable(wording.local_field(row.local_field, row.path))
    return wording.receptive_field(row.receptive_field) if row.receptive_field else ""


def _files(tensor: Tensor) -> str:
    """The file of a shard; of pieces also which part of the tensor each is: ``__0_0.distcp [0:4, 0:8]``."""
    named = wording.places(tensor)
    more = f" and {len(named) - PIECES:,} more" if len(named) > PIECES else ""
    return wording.printable(", ".join(named[:PIECES]) + more)


_OUTPUT = SummaryColumn(title="output", of_row=_output)
_FIELD = SummaryColumn(title="receptive field", of_row=_field, ranges=True)
_DEVICE = SummaryColumn(title="device", of_row=lambda row: row.device or "", of_tensor=lambda tensor: tensor.device)
_SHAPE = SummaryColumn(title="shape", of_tensor=lambda tensor: wording.shape(tensor.shape))
_BYTES = SummaryColumn(
    title="bytes",
    of_row=lambda row: wording.size_in_bytes(row.bytes) if row.bytes else "",
    of_tensor=lambda tensor: wording.size_in_bytes(tensor.bytes),
    right=True,
)
_FILES = SummaryColumn(title="file", of_tensor=_files)

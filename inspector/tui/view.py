"""What the panels look at: the table, the row and the tensor chosen, and the last real pass."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from inspector.core import key_spelling
from inspector.core.findings import CheckReport
from inspector.core.memory import MemoryReport
from inspector.core.placement import PlacementPlan
from inspector.core.results import CloneReport, ForwardReport
from inspector.core.settings import Spelling
from inspector.core.table import ModelTable, Row, Tensor
from inspector.core.tensor_places import TensorPlaces
from inspector.tui.kept_run import TwoRuns
from inspector.tui.stepping import SteppedPass
from inspector.worker.protocol import Request

LISTED_BELOW = 200
"""Tensors explained or listed of those below a module that has none of its own."""


@dataclass(frozen=True, kw_only=True)
class View:
    """All that a panel needs to draw itself."""

    table: ModelTable
    row: Row
    places: TensorPlaces | None = None
    """Of the table; where they are kept, large tables are gone through once."""
    failed: bool = False
    """The model's failure belongs to this row."""
    repetition: str = ""
    """Of which blocks the row is the first, or how it differs from them."""
    tensor: Tensor | None = None
    output_first: bool = False
    """The row's output is to be looked at, though it has tensors of its own."""
    report: ForwardReport | None = None
    report_is_old: bool = False
    """The model was changed after that pass."""
    kept: ForwardReport | None = None
    """The pass that the next one is compared with."""
    two_runs: TwoRuns | None = None
    """That pass and the last one, where they are not the same."""
    clone: CloneReport | None = None
    memory: MemoryReport | None = None
    plan: PlacementPlan | None = None
    check: CheckReport | None = None
    check_is_old: bool = False
    """The model was changed after that check."""
    stepped: SteppedPass | None = None
    under_way: frozenset[type[Request[Any]]] = frozenset()
    """The kinds of requests that the user has asked for and that have no answer yet."""
    spelling: Spelling = "here"
    wrapped: frozenset[str] = frozenset()
    """Paths that end in a wrapper's token."""

    def spell(self, name: str) -> str:
        """A key or path as it is to be written now."""
        return spell(name, self.wrapped, self.spelling)

    def with_tensor(self, tensor: Tensor | None) -> "View":
        """The same with a tensor chosen."""
        return replace(self, tensor=tensor)

    @cached_property
    def output(self) -> Tensor | None:
        """What the row put out in the last pass, where it can be asked for: of ONNX models."""
        return output_of(self.row) if self.report is not None else None

    @property
    def looked_at(self) -> Tensor | None:
        """What the values are shown of: the tensor chosen, else the row's output."""
        return self.output if self.output_first or self.tensor is None else self.tensor

    @cached_property
    def tensors(self) -> list[Tensor]:
        """The tensors at or below the row."""
        return self._tensors_by_row.below(self.row)

    @cached_property
    def own_tensors(self) -> list[Tensor]:
        """The row's own tensors."""
        return self._tensors_by_row.own(self.row)

    @property
    def _tensors_by_row(self) -> TensorPlaces:
        return self.places or TensorPlaces(self.table)


def output_of(row: Row) -> Tensor | None:
    """The first value that a row makes, as a tensor; None where it cannot be asked for."""
    if not row.values or not row.reached:
        return None
    shape = row.output_shapes[0] if row.output_shapes else None
    return Tensor(
        key=row.values[0],
        kind="value",
        shape=shape,
        dtype=row.dtype or "",
        device=row.device or "",
        trainable=False,
        persistent=False,
        elements=None if shape is None else prod(shape),
        bytes=row.output_bytes,
        expression="",
    )


def spell(name: str, wrapped: frozenset[str], spelling: Spelling) -> str:
    """A key or path in one of the spellings."""
    return name if spelling == "here" else key_spelling.spell(name, wrapped, spelling == "saved")


def next_spelling(spelling: Spelling, wrapped: frozenset[str]) -> Spelling:
    """The spelling after this one among those that differ for this model."""
    example = "weight"
    for path in wrapped:
        example = max(example, f"{path}.weight", key=len)
    order: list[Spelling] = ["here", "plain", "saved"]
    at = order.index(spelling)
    written = {one: spell(example, wrapped, one) for one in order}
    for candidate in (*order[at + 1 :], *order[:at]):
        if written[candidate] != written[spelling]:
            return candidate
    return spelling

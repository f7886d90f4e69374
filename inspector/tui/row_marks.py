"""What is marked beside the names in the tree: what failed, was found, was not loaded, is shared, is frozen."""

from collections.abc import Sequence
from functools import cached_property

from inspector.core.finding_places import FindingPlaces
from inspector.core.findings import Finding
from inspector.core.load_states import load_states
from inspector.core.table import ModelTable, Row


class RowMarks:
    """The marks of one table's rows."""

    def __init__(self, table: ModelTable, findings: Sequence[Finding] = ()) -> None:
        self._table = table
        self.failed = failed_row(table)
        self._undone = load_states(table)
        self._found = self.places.counts(findings) if findings else {}

    @cached_property
    def places(self) -> FindingPlaces:
        """Where findings are; not looked for in a large table before there are any."""
        return FindingPlaces(self._table)

    def of(self, row: Row) -> list[str]:
        """What is marked at one row, the most important first."""
        model = self._table.model
        is_module = row.kind == "module" and model.framework == "torch"
        marks = ["failed"] if row.index == self.failed else []
        if row.index in self._found:
            marks.append(str(self._found[row.index]))
        if row.path in self._undone and row.kind != "function" and not row.call:
            marks.append(str(self._undone[row.path]))
        if row.call and row.kind != "function":
            marks.append(f"call {row.call + 1}")
        if row.shared_with:
            more = f" +{len(row.shared_with) - 1}" if len(row.shared_with) > 1 else ""
            marks.append(f"= {row.shared_with[0]}{more}")
        if row.lazy:
            marks.append("lazy")
        if is_module and row.trainable_parameters < row.parameters:
            marks.append("part frozen" if row.trainable_parameters else "frozen")
        if is_module and row.training != model.training:
            marks.append("train" if row.training else "eval")
        return marks


def failed_row(table: ModelTable) -> int | None:
    """The row whose pass failed: the last one with the failure's path that has no output."""
    if table.failure is None:
        return None
    there = [row for row in table.rows if row.path == table.failure.path and row.kind != "function"]
    without_output = [row for row in there if not row.output_shapes]
    return (without_output or there or table.rows[:1])[-1].index if table.rows else None

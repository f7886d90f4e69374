"""What can be asked of the rows of a table one at a time: what stands in it, what a pass and a check told of them."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from inspector.core.finding_places import FindingPlaces
from inspector.core.findings import Finding
from inspector.core.results import ForwardReport, RowRun
from inspector.core.table import ModelTable, Row


class RowFacts:
    """The rows of one table, with the last pass and the last check where there were any."""

    def __init__(
        self, table: ModelTable, report: ForwardReport | None = None, findings: Sequence[Finding] | None = None
    ) -> None:
        """`report` is left aside where the table has other rows than it; `findings` is None before any check."""
        self.table = table
        self.runs: Sequence[RowRun] | None = report.runs if report and len(report.runs) == len(table.rows) else None
        self.findings = findings

    @cached_property
    def failed(self) -> int | None:
        """The row whose pass failed."""
        return failed_row(self.table)

    @cached_property
    def found(self) -> frozenset[int]:
        """Rows that a finding is about."""
        return self._rows_of(one.path for one in self.findings or ())

    @cached_property
    def missing(self) -> frozenset[int]:
        """Rows for whose tensors the file of weights has nothing, or nothing that is sure."""
        load = self.table.load
        return self._rows_of([*load.missing, *load.ambiguous] if load else ())

    @cached_property
    def mismatched(self) -> frozenset[int]:
        """Rows whose tensors have another shape in the file of weights."""
        return self._rows_of(one.key for one in self.table.load.mismatched) if self.table.load else frozenset()

    @cached_property
    def problems(self) -> list[int]:
        """Rows with something wrong, in their order: failed, found, not loaded, not finite, dead."""
        wrong = {*self.found, *self.missing, *self.mismatched}
        if self.failed is not None:
            wrong.add(self.failed)
        for index, run in enumerate(self.runs or ()):
            told = run.statistics
            if told is not None and (told.nan or told.inf or told.dead_units):
                wrong.add(index)
        return sorted(wrong)

    @cached_property
    def _places(self) -> FindingPlaces:
        return FindingPlaces(self.table)

    def _rows_of(self, paths: Iterable[str]) -> frozenset[int]:
        return frozenset(self._places.row_of(path) for path in paths)


def has_parts_that_ran(table: ModelTable, row: Row) -> bool:
    """Whether the pass reached rows below one, whatever it did with the row itself: those of a ``ModuleList``."""
    return any(below.reached for below in table.rows[row.index + 1 : row.index + row.subtree])


def failed_row(table: ModelTable) -> int | None:
    """The row whose pass failed: the last one with the failure's path that has no output."""
    if table.failure is None:
        return None
    there = [row for row in table.rows if row.path == table.failure.path and row.kind != "function"]
    without_output = [row for row in there if not row.output_shapes]
    return (without_output or there or table.rows[:1])[-1].index if table.rows else None

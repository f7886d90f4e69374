"""What is marked beside the names in the tree: what failed, was found, was not loaded, is shared, is frozen."""

from collections.abc import Sequence
from functools import cached_property

from inspector.core.finding_places import FindingPlaces
from inspector.core.findings import Finding
from inspector.core.load_states import load_states
from inspector.core.placement import PlacementPlan
from inspector.core.row_facts import failed_row
from inspector.core.table import ModelTable, Row
from inspector.tui.placement_page import crossing_mark, placement_marks


class RowMarks:
    """The marks of one table's rows."""

    def __init__(self, table: ModelTable, findings: Sequence[Finding] = (), plan: PlacementPlan | None = None) -> None:
        self._plan = plan
        self._table = table
        self.failed = failed_row(table)
        self._loaded = load_states(table)
        self._found = self.places.counts(findings) if findings else {}

    @cached_property
    def places(self) -> FindingPlaces:
        """Where findings are; not looked for in a large table before there are any."""
        return FindingPlaces(self._table)

    def is_lacking(self, row: Row) -> bool:
        """Whether the file of weights left something of the row undone."""
        state = self._loaded.get(row.path)
        return state is not None and not state.is_whole

    def of(self, row: Row, with_load: bool = True) -> list[str]:
        """What is marked at one row, the most important first; without `with_load` not what a file filled."""
        model = self._table.model
        is_module = row.kind == "module" and model.framework == "torch"
        marks = ["failed"] if row.index == self.failed else []
        if row.index in self._found:
            marks.append(str(self._found[row.index]))
        if self._plan is not None:
            marks += placement_marks(self._plan, row.index, row.parent)
        elif row.crossing_bytes:
            marks.append(crossing_mark(row.crossing_bytes))
        if with_load and row.path in self._loaded and row.kind != "function" and not row.call:
            marks.append(str(self._loaded[row.path]))
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

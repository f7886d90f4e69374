"""Which row of the table each finding is about."""

from collections.abc import Iterable

from inspector.core.findings import SEVERITIES, Finding, Severity
from inspector.core.record import Record
from inspector.core.table import ModelTable, Row


class FoundCounts(Record, frozen=True, kw_only=True):
    """How many findings there are at or below one row."""

    error: int = 0
    warning: int = 0
    info: int = 0

    def __str__(self) -> str:
        """As short as can be: ``error 1, info 2``."""
        counts = {severity: self.of(severity) for severity in SEVERITIES}
        return ", ".join(f"{severity} {count}" for severity, count in counts.items() if count)

    def of(self, severity: Severity) -> int:
        """How many are of this severity."""
        count: int = getattr(self, severity)
        return count


class FindingPlaces:
    """The rows of a table by what findings call them."""

    def __init__(self, table: ModelTable) -> None:
        self._rows = table.rows
        self._by_path: dict[str, int] = {}
        for row in table.rows:
            if row.kind != "function":
                self._by_path.setdefault(row.path, row.index)
        if table.model.framework == "onnx":
            for row in table.rows:
                self._by_path.setdefault(_as_key(row), row.index)

    def row_of(self, path: str) -> int:
        """The first row with this path, else the one whose tensor or part it is; the root where there is none."""
        while path:
            if path in self._by_path:
                return self._by_path[path]
            path = path.rpartition(".")[0]
        return 0

    def counts(self, findings: Iterable[Finding]) -> dict[int, FoundCounts]:
        """By row, of the rows with findings and of all that hold them."""
        found: dict[int, dict[str, int]] = {}
        for finding in findings:
            at: int | None = self.row_of(finding.path)
            while at is not None:
                counts = found.setdefault(at, {})
                counts[finding.severity] = counts.get(finding.severity, 0) + 1
                at = self._rows[at].parent
        return {row: FoundCounts(**counts) for row, counts in found.items()}


def _as_key(row: Row) -> str:
    """An ONNX row's scope, written as exporters write it in front of the names of its initializers."""
    path = row.path.strip("/")
    return (path.rpartition("/")[0] if row.kind == "node" else path).replace("/", ".")

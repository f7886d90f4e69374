"""The eighth panel's list: what the last check found, and the rules that it could not apply."""

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core.findings import CheckReport, Finding, NotRun
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView
from inspector.tui.view import View

NOT_RUN = "not run"
STYLES = {"error": "error", "warning": "warning", "info": "muted"}
MEASURED = 2000
"""Rows looked at for the columns' widths."""


class FindingList(RowView):
    """Findings, most severe first, then the rules that were not applied."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._report: CheckReport | None = None
        self._view: View | None = None
        self._listed: list[Finding | NotRun] = []
        self._names: dict[str, str] = {}

    def show(self, view: View) -> None:
        """Show the view's check, the cursor where it was unless it is another one."""
        report, before = view.check, self._view
        self._view = view
        if report is None:
            return
        if self._report is not report:
            self._report = report
            self._listed = [*report.findings, *report.not_run]
            self._names = {rule.id: rule.name for rule in report.rules}
            self.rebuild(0)
        elif before is None or before.spelling != view.spelling:
            self.rebuild()

    @property
    def current(self) -> Finding | NotRun | None:
        """What is under the cursor."""
        at = self.row_at
        return None if at is None else self._listed[at]

    def lines(self) -> Sequence[int]:
        """All of them."""
        return range(len(self._listed))

    def columns(self) -> Sequence[Column]:
        """Severity, rule, where, and the message where there is room."""
        looked_at = self._listed[:MEASURED]
        ids = max((cell_len(one.rule) for one in looked_at), default=0)
        names = max((cell_len(self._rule_name(one)) for one in looked_at), default=0)
        paths = max((cell_len(self._where(one)[:200]) for one in looked_at), default=0)
        return [
            Column(title="severity", width=8, least=8),
            Column(title="rule", width=ids, least=ids, priority=1),
            Column(title="name", width=names, least=names, priority=3),
            Column(title="where", width=max(14, min(paths, 40)), least=14, middle=True),
            Column(title="what", width=80, least=16, priority=2, share=1),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One finding's cells, or those of a rule that was not applied."""
        one = self._listed[row]
        severity, text = (one.severity, _without_path(one)) if isinstance(one, Finding) else (NOT_RUN, one.why)
        return [
            [(severity, STYLES.get(severity, "muted"))],
            [(one.rule, "kind")],
            [(self._rule_name(one), "")],
            [(self._where(one), "name")],
            [(text, "muted")],
        ]

    def _rule_name(self, one: Finding | NotRun) -> str:
        return one.name if isinstance(one, Finding) else self._names.get(one.rule, "")

    def _where(self, one: Finding | NotRun) -> str:
        if not isinstance(one, Finding):
            return ""
        return (self._view.spell(one.path) if self._view else one.path) or "the root"


def _without_path(finding: Finding) -> str:
    """The message; the path that most begin with has a column of its own."""
    return finding.message.removeprefix(finding.path).strip() or finding.message

"""The eighth panel's list: what the last check found, and the rules that it could not apply."""

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core.findings import CheckReport, Finding, NotRun, Suppressed
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView
from inspector.tui.view import View

NOT_RUN, SUPPRESSED = "not run", "ignored"
STYLES = {"error": "error", "warning": "warning", "info": "muted"}
MEASURED = 2000
"""Rows looked at for the columns' widths."""


class FindingList(RowView):
    """Findings, most severe first, those that comments keep quiet, then the rules that were not applied."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._report: CheckReport | None = None
        self._view: View | None = None
        self._listed: list[Finding | Suppressed | NotRun] = []
        self._names: dict[str, str] = {}

    def show(self, view: View) -> None:
        """Show the view's check, the cursor where it was unless it is another one."""
        report, before = view.check, self._view
        self._view = view
        if report is None:
            return
        if self._report is not report:
            self._report = report
            self._listed = [*report.findings, *report.suppressed, *report.not_run]
            self._names = {rule.id: rule.name for rule in report.rules}
            self.rebuild(0)
        elif before is None or before.spelling != view.spelling:
            self.rebuild()

    @property
    def current(self) -> Finding | Suppressed | NotRun | None:
        """What is under the cursor."""
        at = self.row_at
        return None if at is None else self._listed[at]

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor, kept quiet or not."""
        current = self.current
        return None if current is None else finding_in(current)

    def lines(self) -> Sequence[int]:
        """All of them."""
        return range(len(self._listed))

    def columns(self) -> Sequence[Column]:
        """Severity, rule, where, and the message where there is room."""
        looked_at = self._listed[:MEASURED]
        ids = max((cell_len(_rule(one)) for one in looked_at), default=0)
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
        finding = finding_in(one)
        text = _without_path(finding) if finding is not None else one.why if isinstance(one, NotRun) else ""
        severity = one.severity if isinstance(one, Finding) else NOT_RUN if isinstance(one, NotRun) else SUPPRESSED
        return [
            [(severity, STYLES.get(severity, "muted"))],
            [(_rule(one), "kind")],
            [(self._rule_name(one), "")],
            [(self._where(one), "name")],
            [(text, "muted")],
        ]

    def row_style(self, row: int) -> str:
        """What a comment keeps quiet is pale."""
        return "muted" if isinstance(self._listed[row], Suppressed) else ""

    def _rule_name(self, one: Finding | Suppressed | NotRun) -> str:
        finding = finding_in(one)
        return finding.name if finding is not None else self._names.get(_rule(one), "")

    def _where(self, one: Finding | Suppressed | NotRun) -> str:
        finding = finding_in(one)
        if finding is None:
            return ""
        return (self._view.spell(finding.path) if self._view else finding.path) or "the root"


def finding_in(listed: Finding | Suppressed | NotRun) -> Finding | None:
    """The finding that a line is about; None where it is about a rule that was not applied."""
    if isinstance(listed, NotRun):
        return None
    return listed.finding if isinstance(listed, Suppressed) else listed


def _rule(listed: Finding | Suppressed | NotRun) -> str:
    return listed.finding.rule if isinstance(listed, Suppressed) else listed.rule


def _without_path(finding: Finding) -> str:
    """The message; the path that most begin with has a column of its own."""
    return finding.message.removeprefix(finding.path).strip() or finding.message

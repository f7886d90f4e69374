"""The eighth panel: what the last check found, and what is known about the finding chosen."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from inspector.core.findings import CheckReport, Finding, NotRun, Rule, Suppressed
from inspector.core.wording import printable, source_place
from inspector.tui.finding_list import NOT_RUN, SUPPRESSED, FindingList, finding_in
from inspector.tui.keys_here import keyed, with_keys
from inspector.tui.overview import source
from inspector.tui.page import ERROR, GOOD, LABELLED, MUTED, WARNING, Page, TextPanel
from inspector.tui.view import View
from inspector.worker.protocol import Check, Request

STYLES = {"error": f"bold {ERROR}", "warning": f"bold {WARNING}", "info": "bold"}
LABEL = 14
NOT_CHECKED = "Nothing has been checked yet. Press {check} to look for defects."
CHECKING = "The model is being checked; {cancel} cancels that."
OLD = "from before the last change; {check} checks again"


class CheckPanel(Vertical):
    """The outcome, a list of findings, and a page about the chosen one."""

    def compose(self) -> ComposeResult:
        """A line above a list above a text."""
        yield Static(id="checked", markup=False)
        yield FindingList(id="findings")
        yield TextPanel(id="finding")

    def wanted(self, view: View) -> Request[Any] | None:
        """Nothing: the check has been asked for before."""
        return None

    @property
    def finding(self) -> Finding | None:
        """The one under the list's cursor."""
        return self.query_one(FindingList).finding

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the list and what is under its cursor."""
        report = view.check
        outcome, findings = self.query_one("#checked", Static), self.query_one(FindingList)
        outcome.display = report is not None
        if report is not None:
            outcome.update(_outcome(report, view.check_is_old))
        findings.show(view)
        findings.display = report is not None and bool(findings.lines())
        findings.styles.height = len(findings.lines()) + 1
        self.query_one("#finding", TextPanel).show(check_page(report, findings.current, view))


def _outcome(report: CheckReport, is_old: bool) -> Content:
    worst = report.findings[0].severity if report.findings else None
    parts = [(printable(report.outcome), STYLES[worst] if worst else GOOD)]
    if is_old:
        parts.append((f"\n{keyed(OLD)}", WARNING))
    return Content.assemble(*parts)


def check_page(report: CheckReport | None, chosen: Finding | Suppressed | NotRun | None, view: View) -> Page:
    """What is known about a finding, or about a rule that was not applied; without either, what was looked for."""
    page = Page()
    if report is None:
        page.line((keyed(CHECKING if Check in view.under_way else NOT_CHECKED), MUTED))
        return page
    rules = {rule.id: rule for rule in report.rules}
    if chosen is None:
        page.line(("What was looked for", "bold"))
        for rule in report.rules:
            page.line((f"{rule.id} {rule.name}  ", ""), (rule.looks_for, MUTED), hang=2)
        return page
    if isinstance(chosen, NotRun):
        page.line((NOT_RUN, MUTED), ("  ", ""), (chosen.rule, "bold"))
        page.paragraph(chosen.why)
    elif isinstance(chosen, Suppressed):
        page.line((f"{SUPPRESSED}, as a comment at {source_place(chosen.by)} says", MUTED))
        _finding(page, chosen.finding, view)
    else:
        _finding(page, chosen, view)
    found = finding_in(chosen)
    id = found.rule if found is not None else chosen.rule if isinstance(chosen, NotRun) else ""
    if id in rules:
        _rule(page, rules[id])
    return page


def _finding(page: Page, finding: Finding, view: View) -> None:
    page.line((finding.severity, STYLES[finding.severity]), f"  {finding.rule} {finding.name}")
    page.line((finding.message, "bold"))
    for label, text in (("where", view.spell(finding.path) or "the root"), *finding.facts):
        page.line((f"{label:<{LABEL}}", LABELLED), (with_keys(text), ""), hang=LABEL)
    ways = ["a change that mends it"] * (finding.edit is not None) + ["a patch of the code"] * bool(finding.patch)
    if ways:
        page.line((f"{'key a':<{LABEL}}", LABELLED), (f"shows {' and '.join(ways)}", GOOD), hang=LABEL)
    if finding.source is not None:
        source(page, finding.source)


def _rule(page: Page, rule: Rule) -> None:
    page.heading(f"{rule.id} {rule.name}")
    for label, text in (("looks for", rule.looks_for), ("thresholds", rule.thresholds), ("source", rule.source)):
        page.line((f"{label:<{LABEL}}", LABELLED), (text, ""), hang=LABEL)

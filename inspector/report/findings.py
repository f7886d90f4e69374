"""Findings as text."""

from rich.console import Console
from rich.text import Text

from inspector.core.findings import CheckReport, Finding
from inspector.core.wording import printable
from inspector.report.console import standard_output

_STYLES = {"error": "bold red", "warning": "yellow", "info": "blue"}


def print_findings(report: CheckReport, console: Console | None = None) -> None:
    """Each finding with its evidence, its fix and when it may be wrong; then the rules that were not applied.

    Without a `console` to standard output.
    """
    console = console or standard_output(soft_wrap=True)
    for finding in report.findings:
        console.print(_headline(finding))
        for label, text in finding.facts:
            console.print(Text.assemble(f"    {label:<13}", (printable(text), ""), overflow="fold"))
    console.print("\n" * bool(report.findings) + report.outcome)
    reasons: dict[str, list[str]] = {}
    for one in report.not_run:
        reasons.setdefault(one.why, []).append(one.rule)
    for why, rules in reasons.items():
        console.print(Text(f"not applied: {', '.join(rules)}, {printable(why)}", style="dim"))


def _headline(finding: Finding) -> Text:
    return Text.assemble(
        (finding.severity, _STYLES[finding.severity]), f" {finding.rule} {finding.name}: ", printable(finding.message)
    )

"""Findings as text."""

from rich.text import Text

from inspector.core.findings import CheckReport, Finding
from inspector.core.wording import printable, things
from inspector.report.console import standard_output

_STYLES = {"error": "bold red", "warning": "yellow", "info": "blue"}


def print_findings(report: CheckReport) -> None:
    """Each finding with its evidence, its fix and when it may be wrong; then the rules that were not applied."""
    console = standard_output(soft_wrap=True)
    for finding in report.findings:
        console.print(_headline(finding))
        for label, text in (
            ("evidence", finding.evidence), ("fix", finding.fix), ("may be wrong", finding.may_be_wrong),
        ):  # fmt: skip
            console.print(Text.assemble(f"    {label:<13}", (printable(text), ""), overflow="fold"))
    counts = [
        things(number, severity) if severity != "info" else f"{number} of information"
        for severity in _STYLES
        if (number := sum(finding.severity == severity for finding in report.findings))
    ]
    console.print("\n" * bool(counts) + (", ".join(counts) or "nothing found"))
    for one in report.not_run:
        console.print(Text(f"not applied: {one.rule}, {printable(one.why)}", style="dim"))


def _headline(finding: Finding) -> Text:
    return Text.assemble(
        (finding.severity, _STYLES[finding.severity]), f" {finding.rule} {finding.name}: ", printable(finding.message)
    )

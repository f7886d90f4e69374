"""What checks find: `check --json`."""

from typing import Literal

from inspector.core.table import Record, Source

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Most severe first."""


class Finding(Record, frozen=True, kw_only=True):
    """One defect, with the numbers that show it."""

    rule: str
    """Its id, ``NN402``."""
    name: str
    severity: Severity
    path: str
    """The key of a tensor, or the path of a module or container."""
    message: str
    evidence: str
    fix: str
    may_be_wrong: str
    """When this is as it should be."""
    source: Source | None = None


class NotRun(Record, frozen=True, kw_only=True):
    """A rule that could not be applied."""

    rule: str
    why: str


class CheckReport(Record, frozen=True, kw_only=True):
    """All findings, most severe first, and the rules that were not applied."""

    schema_version: int = 1
    findings: list[Finding]
    not_run: list[NotRun] = []


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Most severe first, otherwise in order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))

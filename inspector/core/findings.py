"""What checks find: `check --json`."""

from typing import Literal

from inspector.core.edits import Edit
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.table import Source
from inspector.core.wording import things

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
    """The line of the model's code that is to blame."""
    edit: Edit | None = None
    """The change that mends it, where one to the live model does."""
    patch: str = ""
    """A unified diff of the model's code that mends it."""

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What stands below the message, each with its label."""
        return [("evidence", self.evidence), ("fix", self.fix), ("may be wrong", self.may_be_wrong)]


class Rule(Record, frozen=True, kw_only=True):
    """One kind of defect: what is looked for, and where its thresholds come from."""

    id: str
    """Stable, ``NN402``."""
    name: str
    looks_for: str
    thresholds: str
    source: str


class CheckSettings(Record, frozen=True, kw_only=True):
    """Which rules are applied, and on which inputs."""

    select: list[str] = []
    """Ids, or what they begin with (``NN1``): only these; none for all."""
    ignore: list[str] = []
    """Ids, or what they begin with: not these."""
    inputs: list[InputSpec] = []
    """Worked out where there are none."""

    def takes(self, id: str) -> bool:
        """Whether a rule is applied: the longest of what is given that its id begins with decides."""
        taken = max((len(one) for one in self.select if id.startswith(one)), default=-1 if self.select else 0)
        left = max((len(one) for one in self.ignore if id.startswith(one)), default=-1)
        return taken > left


class NotRun(Record, frozen=True, kw_only=True):
    """A rule that could not be applied."""

    rule: str
    why: str


class Suppressed(Record, frozen=True, kw_only=True):
    """A finding that a comment in the user's code keeps quiet."""

    finding: Finding
    by: Source
    """The line with the comment."""


class CheckReport(Record, frozen=True, kw_only=True):
    """All findings, most severe first, and the rules that were not applied."""

    schema_version: int = 1
    findings: list[Finding]
    suppressed: list[Suppressed] = []
    not_run: list[NotRun] = []
    rules: list[Rule] = []
    """All there are, those that were not applied included, by id."""
    tensors: int = 0
    """How many tensors' values were looked at."""

    @property
    def outcome(self) -> str:
        """What was found in what: ``1 error, 2 warnings; 4 tensors looked at with 3 rules``."""
        counts = [
            things(number, severity) if severity != "info" else f"{number} of information"
            for severity in SEVERITIES
            if (number := sum(finding.severity == severity for finding in self.findings))
        ]
        quiet = f", {len(self.suppressed):,} suppressed" if self.suppressed else ""
        looked_at = f"{things(self.tensors, 'tensor')} looked at with {things(len(self.rules), 'rule')}"
        return f"{', '.join(counts) or 'nothing found'}{quiet}; {looked_at}"


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Most severe first, otherwise in order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))

"""Comments in the user's code with which findings are kept quiet: ``# nninspect: ignore[NN105]``."""

import re
from collections.abc import Iterable

from inspector.core.findings import Finding, Suppressed
from inspector.core.table import Source
from inspector.engine.live import LiveModel

_COMMENT = re.compile(r"#\s*nninspect:\s*ignore(?:\[([^\]]*)\])?", re.IGNORECASE)


def sifted(findings: Iterable[Finding], model: LiveModel | None) -> tuple[list[Finding], list[Suppressed]]:
    """The findings that stand, and those that a comment keeps quiet.

    It counts on the guilty line, on the line that registers the module or parameter, and on the module's ``class``
    line. Without brackets it means all rules, in them the rules whose ids begin with what is listed.
    """
    kept, suppressed = [], []
    for finding in findings:
        lines = [finding.source] if finding.source is not None else []
        lines += model.lines_about(finding.path) if model is not None else []
        by = next((line for line in lines if _silences(line, finding.rule)), None)
        if by is None:
            kept.append(finding)
        else:
            suppressed.append(Suppressed(finding=finding, by=by))
    return kept, suppressed


def _silences(line: Source, rule: str) -> bool:
    comment = _COMMENT.search(line.text)
    if comment is None:
        return False
    if comment[1] is None:
        return True
    return any(rule.startswith(part.strip().upper()) for part in comment[1].split(",") if part.strip())

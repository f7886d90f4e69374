"""The rules of `check`: what each looks for, and where its thresholds come from."""

from inspector.core.findings import Finding, Rule, Severity

RULES: dict[str, Rule] = {}
"""By id."""


def rule(id: str, name: str, looks_for: str, thresholds: str, source: str) -> Rule:
    """Register a rule."""
    made = RULES[id] = Rule(id=id, name=name, looks_for=looks_for, thresholds=thresholds, source=source)
    return made


def finding(
    rule: Rule, severity: Severity, path: str, message: str, evidence: str, fix: str, may_be_wrong: str
) -> Finding:
    """What a rule found at a key or path."""
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=severity,
        path=path,
        message=message,
        evidence=evidence,
        fix=fix,
        may_be_wrong=may_be_wrong,
    )

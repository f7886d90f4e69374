"""The rules of `check`: what each looks for, and where its thresholds come from."""

from inspector.core.findings import Rule

RULES: dict[str, Rule] = {}
"""By id."""


def rule(id: str, name: str, looks_for: str, thresholds: str, source: str) -> Rule:
    """Register a rule."""
    made = RULES[id] = Rule(id=id, name=name, looks_for=looks_for, thresholds=thresholds, source=source)
    return made

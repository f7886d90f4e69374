"""The rules of `check`: what each looks for, where its thresholds come from, and how it looks."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.core.edits import Edit
from inspector.core.findings import Finding, Rule, Severity
from inspector.core.table import Source

Look = Callable[[Evidence], Iterable[Finding]]
RULES: dict[str, Rule] = {}
"""By id."""


class AddedRule(NamedTuple):
    """A rule of another distribution: what an entry point in the group ``nninspect.rules`` names."""

    rule: Rule
    look: Look
    of_files: bool = False
    """Whether it looks at files of tensors too, which have no model that could be run."""


LOOKS: dict[str, Look] = {}
"""How each rule looks, by its id."""


def rule(id: str, name: str, looks_for: str, thresholds: str, source: str) -> Rule:
    """Register a rule."""
    made = RULES[id] = Rule(id=id, name=name, looks_for=looks_for, thresholds=thresholds, source=source)
    return made


def looks(of: Rule) -> Callable[[Look], Look]:
    """Register the function that applies a rule.

    It raises NotObservedError where it cannot, and is given evidence that other rules share.
    """

    def register(look: Look) -> Look:
        LOOKS[of.id] = look
        return look

    return register


def looks_at_module(of: Rule) -> Callable[[Look], Look]:
    """Register the function that applies a rule to PyTorch modules; of a file or a graph it is said that it cannot.

    Only where there is a module torch is imported.
    """

    def register(look: Look) -> Look:
        def at_module(evidence: Evidence) -> Iterable[Finding]:
            if evidence.live.table().model.framework == "onnx":
                raise NotObservedError("an ONNX graph has no modules that could be put through it")
            return look(evidence)

        looks(of)(at_module)
        return look

    return register


def finding(
    rule: Rule,
    severity: Severity,
    path: str,
    message: str,
    evidence: str,
    fix: str,
    may_be_wrong: str,
    source: Source | None = None,
    patch: str = "",
    edit: Edit | None = None,
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
        source=source,
        patch=patch,
        edit=edit,
    )

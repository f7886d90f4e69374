"""The rules of other distributions: those whose ids can be none of ours, now or later."""

import re
from collections.abc import Iterable

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import RULES as OURS
from inspector.checks.rules import AddedRule, Look
from inspector.core.errors import ModelEndedError, RequestCancelledError
from inspector.core.extensions import RULES, Extension, extensions, said
from inspector.core.findings import Finding, NotRun, Rule

_ID = re.compile(r"(?!NN)[A-Z]{2,10}\d{3}")


def added_rules() -> tuple[list[AddedRule], list[NotRun]]:
    """The rules that are installed, and those that cannot be taken, each with the reason."""
    checked = [_checked(one) for one in extensions(RULES)]
    taken = [one.value for one in checked if isinstance(one.value, AddedRule)]
    # By its name alone one that is called like a rule of ours would pass for it.
    names = {one.name: one.whose if one.name in OURS else one.name for one in checked}
    return taken, [NotRun(rule=names[one.name], why=one.problem) for one in checked if one.problem]


def _checked(one: Extension) -> Extension:
    added = one.value
    if one.problem:
        return one
    if not isinstance(added, AddedRule) or not isinstance(added.rule, Rule) or not callable(added.look):
        return one.left_out("it is no inspector.checks.rules.AddedRule")
    if added.rule.id != one.name or not _ID.fullmatch(one.name):
        return one.left_out(
            f"the rule's id, {added.rule.id!r}, has to be the entry point's name: 2 to 10 capitals that do not begin "
            "with NN, then 3 digits"
        )
    return one._replace(value=added._replace(look=_guarded(added.look, one.whose)))


def _guarded(look: Look, whose: str) -> Look:
    """A rule that fails has not been applied; the others have."""

    def guarded(evidence: Evidence) -> Iterable[Finding]:
        try:
            found = list(look(evidence))
        except (NotObservedError, ModelEndedError, RequestCancelledError):
            raise
        except (Exception, SystemExit) as problem:
            raise NotObservedError(f"{whose} fails with {said(problem)}") from problem
        if not all(isinstance(one, Finding) for one in found):
            raise NotObservedError(f"{whose} gives something else than findings")
        return found

    return guarded

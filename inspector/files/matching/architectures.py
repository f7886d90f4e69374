"""Whether two sets of tensors are of two architectures, so that comparing values means nothing."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from inspector.core.wording import percent
from inspector.files.matching.matches import Match
from inspector.files.matching.partial import elements
from inspector.files.matching.records import Entry
from inspector.files.matching.verdict import Findings, is_foreign


def foreign(
    a: Sequence[Entry], b: Sequence[Entry], fitting: Sequence[Match], clashing: Sequence[Match], partial: set[str]
) -> str:
    """The sentence for two architectures; empty where either could be the other's file."""
    sides = [
        _Side.of(entries, [mine(match) for match in fitting], [mine(match) for match in clashing], partial)
        for entries, mine in ((a, attrgetter("a")), (b, attrgetter("b")))
    ]
    for model, file in (sides, sides[::-1]):
        findings = Findings(
            file=file.entries,
            model=model.entries,
            coverage=model.share,
            unused=1 - file.share,
            missing=model.left,
            unexpected=file.left,
            mismatched=model.clashing,
            conflicts=model.conflicts,
            ambiguous=0,
            integers=(),
            partial=[],
            nearest="",
        )
        if not is_foreign(findings):
            return ""
    shares = [percent(side.share) for side in sides]
    return (
        f"these are two architectures: {shares[0]} of A's elements and {shares[1]} of B's have a counterpart "
        "of the same shape, so only their structure is compared"
    )


class _Side(NamedTuple):
    """How much of one side has found its counterpart."""

    entries: Sequence[Entry]
    share: float
    left: list[str]
    clashing: int
    conflicts: int
    """Of these, how many are no head, vocabulary or the like."""

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        fitting: Iterable[tuple[Entry, ...]],
        clashing: Iterable[tuple[Entry, ...]],
        partial: set[str],
    ) -> "_Side":
        fits = {entry.key for group in fitting for entry in group}
        clashes = {entry.key for group in clashing for entry in group}
        whole = sum(elements(entry) for entry in entries) or 1
        return cls(
            entries=entries,
            share=sum(elements(entry) for entry in entries if entry.key in fits) / whole,
            left=[entry.key for entry in entries if entry.key not in fits and entry.key not in clashes],
            clashing=len(clashes),
            conflicts=len(clashes - partial),
        )

"""What `repair` found, in words: the same in the interface and in the text report."""

from collections.abc import Sequence
from typing import NamedTuple

from inspector.core.loads import LoadRule
from inspector.core.repair import Found, RepairReport, Unsure
from inspector.core.wording import percent, shape, things

_NAMED = 4
"""Keys named of a group before the rest is counted."""


class Section(NamedTuple):
    """Lines under a heading."""

    heading: str
    lines: list[str]


def is_sure(report: RepairReport) -> bool:
    """Whether the file loads and nothing in it is a guess."""
    return report.loads and not report.ambiguous


def filled(report: RepairReport) -> str:
    """How much of the model the file fills, and how that is known."""
    place = f" from {report.container}" if report.container else ""
    proof = "; proven by a strict load on tensors without memory" if report.loads else ""
    share = f"{percent(report.coverage)} of the model's elements are filled{place}"
    return f"{share}, {things(report.matched, 'key')}{proof}"


def sections(report: RepairReport, command: str) -> list[Section]:
    """Rules, what is left, what could be done about it; none that is empty.

    `command` is what to type to use the report's constructor arguments.
    """
    left = set(report.missing) | {one.key for one in report.mismatched}
    arguments = [f"with --args '{report.arguments}' the model takes the file", command] if report.arguments else []
    # What is mended keeps the file's dtypes, as the notes say; it is load_state_dict that casts.
    done = [rule for rule in report.rules if rule.tensors and rule.kind != "cast"]
    every = [
        Section("rules", [rule_line(rule) for rule in done]),
        Section("missing in the file", report.missing),
        Section("of no use to the model", report.unexpected),
        Section(
            "another shape",
            [
                f"{one.key}: {shape(one.file_shape)} in the file, {shape(one.model_shape)} in the model"
                for one in report.mismatched
            ],
        ),
        Section("ambiguous", _ambiguous(report)),
        Section(
            "could be done",
            [f"{one.message} (--allow {one.rule})" if one.rule else one.message for one in report.proposals],
        ),
        Section("other constructor arguments", arguments),
        Section("stays random", [key for key in report.stays_random if key not in left]),
        Section("does not matter", _harmless(report)),
        Section(
            "also in the file",
            [_found(one) for one in report.others],
        ),
        Section("notes", report.notes),
    ]
    return [section for section in every if section.lines]


def python(report: RepairReport) -> list[str]:
    """The lines that make the mended state_dict; none where nothing is mended."""
    return report.snippet.split("\n") if report.rules and report.matched else []


def containers(report: RepairReport) -> list[str]:
    """The file's state_dicts that could be the model's, the one taken first."""
    return [report.container, *(one.container for one in report.others if one.kind != "optimizer")]


def container_line(report: RepairReport, container: str) -> str:
    """One of them, what it is, and how much of the model it would fill."""
    if container == report.container:
        return f"{container or 'the top'}: taken now, {percent(report.coverage)} of the model's elements"
    return next(_found(one) for one in report.others if one.container == container)


def not_written(report: RepairReport, output: str) -> str:
    """Why a report that was to write a file has not."""
    why = (
        "several tensors fit equally well; --guess takes them in order"
        if report.loads
        else "the file does not fill the model; --partial writes what fits, where it is this model's"
    )
    return f"{output} is not written: {why}"


def rule_line(rule: LoadRule) -> str:
    """What becomes what, of how many tensors, and how sure that is."""
    change = f"{rule.from_ or '(nothing)'} → {rule.to or '(nothing)'}"
    condition = f", for {rule.condition}" if rule.condition else ""
    lossy = ", loses information" if rule.lossy else ""
    sure = "" if rule.confidence == 1 else f", confidence {rule.confidence:.1f}"
    return f"{rule.kind.replace('_', ' ')}: {change}   ({things(rule.tensors, 'tensor')}{condition}{sure}{lossy})"


def _found(one: Found) -> str:
    share = "" if one.coverage is None else f", {percent(one.coverage)} of the model's elements"
    return f"{one.container or 'the top'}: {one.kind}{share}"


def _ambiguous(report: RepairReport) -> list[str]:
    """One by one, but those of which one key could be one other, in one of two ways, together by their reason."""
    pairs: dict[str, list[str]] = {}
    for one in report.ambiguous:
        if len(one.model) == len(one.candidates) == 1:
            pairs.setdefault(one.why, []).extend(one.model)
    together = {why: keys for why, keys in pairs.items() if len(keys) > 1}
    alone = [one for one in report.ambiguous if one.why not in together or len(one.model) + len(one.candidates) > 2]
    return [*(f"{_named(keys)}: {why}" for why, keys in together.items()), *map(_unsure, alone)]


def _unsure(one: Unsure) -> str:
    return f"{_named(one.model)} could be made of {_named(one.candidates)}: {one.why}"


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _harmless(report: RepairReport) -> list[str]:
    """By reason, with an example."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in report.harmless:
        groups.setdefault((one.why, one.side), []).append(one.key)
    return [
        f"{keys[0]}{f' and {len(keys) - 1:,} more' if len(keys) > 1 else ''}, only in the {side}: {why}"
        for (why, side), keys in groups.items()
    ]

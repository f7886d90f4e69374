"""What of a diagnosis is taken without asking: no guess, and of another model's file only what has the same names."""

from collections.abc import Collection

from msgspec.structs import replace

from inspector.core.loads import LoadRule
from inspector.files.matching.records import Diagnosis, Transfer
from inspector.files.matching.rules import confidence_of
from inspector.files.matching.tree import WRAPPERS

_GUESSED = 0.5


def certain(diagnosis: Diagnosis) -> list[Transfer]:
    """The transfers that nothing speaks against."""
    if diagnosis.refused:
        return _of_same_names(diagnosis)
    unsure = guessed(diagnosis)
    return [transfer for transfer in diagnosis.transfers if transfer.target not in unsure]


def guessed(diagnosis: Diagnosis) -> dict[str, Transfer]:
    """By key of the model, the transfers that others would do as well as."""
    ambiguous = {key for one in diagnosis.ambiguous for key in one.model}
    return {
        transfer.target: transfer
        for transfer in diagnosis.transfers
        if transfer.confidence <= _GUESSED or transfer.target in ambiguous
    }


def doubts(diagnosis: Diagnosis) -> dict[str, str]:
    """By key of the model that is a guess, why it is one."""
    told = dict.fromkeys(guessed(diagnosis), "other tensors of the file would fit as well")
    return told | {key: one.why for one in diagnosis.ambiguous for key in one.model if key in told}


def rules_about(diagnosis: Diagnosis, keys: Collection[str]) -> list[LoadRule]:
    """The rules as far as they are about these keys of the model."""
    confidences = {transfer.target: transfer.confidence for transfer in diagnosis.transfers}
    told = []
    for rule in diagnosis.rules:
        kept = [key for key in rule.keys if key in keys]
        if kept:
            sure = confidence_of(rule.kind, [confidences[key] for key in kept])
            told.append(replace(rule, keys=kept, tensors=len(kept), confidence=sure))
    return told


def _of_same_names(diagnosis: Diagnosis) -> list[Transfer]:
    """Copies under one name, wrappers aside, and the twins of what they fill."""
    named = {
        transfer.target: transfer
        for transfer in diagnosis.transfers
        if not transfer.changes and _unwrapped(transfer.sources[0]) == _unwrapped(transfer.target)
    }
    twins = {rule.to for rule in diagnosis.rules if rule.kind == "tied" and rule.from_ in named}
    return [transfer for transfer in diagnosis.transfers if transfer.target in named or transfer.target in twins]


def _unwrapped(key: str) -> list[str]:
    return [part for part in key.split(".") if part not in WRAPPERS]

"""Which tensors of A are which of B, whichever of the two is called A.

Keys that are the same, with the same shape, are pairs. The rest is matched as for a repair, always in the same
direction: that of the keys in order, so that B against A gives the same pairs as A against B.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from inspector.core.loads import LoadRule
from inspector.files.matching.architectures import foreign
from inspector.files.matching.crossing import crossing, squares
from inspector.files.matching.diagnosing import diagnose
from inspector.files.matching.matches import Match, fits
from inspector.files.matching.records import LOSSLESS, LOSSY, Ambiguity, Diagnosis, Entry, Shape, Transfer
from inspector.files.matching.rules import rules

_UNSURE = 0.5
"""Confidence of what is paired in order, because others would do as well."""


class Alignment(NamedTuple):
    """All pairs between two sets of tensors."""

    matches: list[Match]
    rules: list[LoadRule]
    """From A to B."""
    ambiguous: list[Ambiguity]
    """`model` holds keys of A, `candidates` those of B."""
    foreign: str
    """Where the two are other architectures, that in a sentence; else empty."""


def align(a: Sequence[Entry], b: Sequence[Entry]) -> Alignment:
    """Pair what is the same in A and B, from keys and shapes alone; no value is looked at."""
    matches = _of_same_key(a, b, same_shape=True)
    left_a, left_b = _left(a, b, matches)
    ambiguous: list[Ambiguity] = []
    verdict = ""
    if left_a and left_b:
        turned = _order(left_b) < _order(left_a)
        file, model = (left_b, left_a) if turned else (left_a, left_b)
        diagnosis = diagnose(file, model, LOSSLESS - {"tied"})
        ambiguous = [_from_a(one, turned) for one in diagnosis.ambiguous]
        fitting = [_from_a(match, turned) for match in _of_transfers(diagnosis, file, model)]
        clashing = [_from_a(match, turned) for match in _of_clashes(diagnosis, file, model)]
        partial = {key for part in diagnosis.partial for key in (*part.keys, *part.sources)}
        verdict = foreign(a, b, [*matches, *fitting], clashing, partial)
        matches += [*fitting, *clashing]
        matches += _in_order(*_left(a, b, matches), ambiguous)
        matches += _of_same_key(*_left(a, b, matches), same_shape=False)
    matches += _ties(a, b, matches)
    told = (*ambiguous, *squares(matches), *crossing(matches))
    ambiguous = list({(tuple(one.model), tuple(one.candidates)): one for one in told}.values())
    unsure_a = {key for one in ambiguous for key in one.model}
    unsure_b = {key for one in ambiguous for key in one.candidates}
    matches = [
        match._replace(ambiguous=True) if _has(match.a, unsure_a) or _has(match.b, unsure_b) else match
        for match in matches
    ]
    return Alignment(matches, _rules(matches), ambiguous, verdict)


def _has(entries: Iterable[Entry], keys: Collection[str]) -> bool:
    return any(entry.key in keys for entry in entries)


def _of_same_key(a: Iterable[Entry], b: Iterable[Entry], same_shape: bool) -> list[Match]:
    by_key = {entry.key: entry for entry in b}
    return [
        Match((entry,), (other,))
        for entry in a
        if (other := by_key.get(entry.key)) is not None and (not same_shape or other.shape == entry.shape)
    ]


def _left(a: Iterable[Entry], b: Iterable[Entry], matches: Sequence[Match]) -> tuple[list[Entry], list[Entry]]:
    """What no match has."""
    used_a = {entry.key for match in matches for entry in match.a}
    used_b = {entry.key for match in matches for entry in match.b}
    return [entry for entry in a if entry.key not in used_a], [entry for entry in b if entry.key not in used_b]


def _order(entries: Iterable[Entry]) -> list[tuple[str, Shape, str]]:
    return [(entry.key, entry.shape or (), entry.dtype) for entry in entries]


_Sided = TypeVar("_Sided", Match, Ambiguity)


def _from_a(one: _Sided, turned: bool) -> _Sided:
    """What matching told of a file and a model, told of A and B; `turned` where B was taken for the file."""
    if isinstance(one, Match):
        return one._replace(a=one.b, b=one.a) if turned else one
    why = one.why.removesuffix(", so it is not taken")
    if turned:
        return replace(one, why=why)
    return replace(one, model=one.candidates, candidates=one.model, why=why)


def _of_transfers(diagnosis: Diagnosis, file: Sequence[Entry], model: Sequence[Entry]) -> list[Match]:
    """The file's tensors as A, the model's as B; those made of one tensor of the file are one match."""
    in_file, in_model = ({entry.key: entry for entry in entries} for entries in (file, model))
    made: dict[tuple[str, ...], list[Transfer]] = {}
    for transfer in diagnosis.transfers:
        made.setdefault(tuple(transfer.sources), []).append(transfer)
    return [
        Match(
            tuple(in_file[key] for key in sources),
            tuple(in_model[transfer.target] for transfer in transfers),
            min(transfer.confidence for transfer in transfers) <= _UNSURE,
        )
        for sources, transfers in made.items()
    ]


def _of_clashes(diagnosis: Diagnosis, file: Sequence[Entry], model: Sequence[Entry]) -> list[Match]:
    in_file, in_model = ({entry.key: entry for entry in entries} for entries in (file, model))
    found: list[Match] = []
    used: set[str] = set()
    for clash in diagnosis.clashes:
        if used.isdisjoint(clash.file):
            used.update(clash.file)
            found.append(Match(tuple(in_file[key] for key in clash.file), tuple(in_model[key] for key in clash.model)))
    return found


def _in_order(a: Sequence[Entry], b: Sequence[Entry], ambiguous: Iterable[Ambiguity]) -> list[Match]:
    """Pairs of what is ambiguous and was left for that, in order, those of one shape."""
    in_a, in_b = ({entry.key: entry for entry in entries} for entries in (a, b))
    found = []
    for one in ambiguous:
        others = [key for key in one.candidates if key in in_b]
        for key in one.model:
            other = next((o for o in others if key in in_a and in_b[o].shape == in_a[key].shape), None)
            if other is not None:
                found.append(Match((in_a.pop(key),), (in_b.pop(other),), ambiguous=True))
                others.remove(other)
    return found


def _ties(a: Iterable[Entry], b: Iterable[Entry], matches: Sequence[Match]) -> list[Match]:
    """Second names of memory whose first name has a match; the other side may have kept one name only."""
    left_a, left_b = _left(a, b, matches)
    plain = [match for match in matches if len(match.a) == len(match.b) == 1]
    twin_a = {match.a[0].identity: match.b for match in plain if match.a[0].identity is not None}
    twin_b = {match.b[0].identity: match.a for match in plain if match.b[0].identity is not None}
    return [
        *(Match((entry,), twin_a[entry.identity], tied=True) for entry in left_a if entry.identity in twin_a),
        *(Match(twin_b[entry.identity], (entry,), tied=True) for entry in left_b if entry.identity in twin_b),
    ]


def _rules(matches: Sequence[Match]) -> list[LoadRule]:
    told = [(fit, _UNSURE if match.ambiguous else 1.0) for match in matches if not match.tied for fit in fits(match)]
    ties = [
        LoadRule(kind="tied", from_=match.a[0].key, to=match.b[0].key, tensors=1) for match in matches if match.tied
    ]
    return [*rules(told, LOSSY), *ties]

"""Why a file does not load into a model, and the transfers that make it load, from names and shapes alone."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from inspector.core.loads import LoadRule, Mismatch
from inspector.files.matching.attention import unite
from inspector.files.matching.folding import folds
from inspector.files.matching.nearest import nearest
from inspector.files.matching.pairing import Pairing
from inspector.files.matching.partial import elements, partial
from inspector.files.matching.records import (
    LOSSLESS,
    LOSSY,
    Ambiguity,
    Benign,
    Clash,
    Diagnosis,
    Entry,
    Partial,
    Transfer,
)
from inspector.files.matching.rules import rules
from inspector.files.matching.squares import settle_squares, square_notes
from inspector.files.matching.transferring import Fit, is_quantised
from inspector.files.matching.tree import Leaf, Node, build, seal
from inspector.files.matching.verdict import Findings, verdict


def diagnose(file: Sequence[Entry], model: Sequence[Entry], allow: frozenset[str] = LOSSLESS) -> Diagnosis:
    """How the keys of `file` become those of `model`; no value is looked at.

    `allow` names the rules on values that may be used (`LOSSLESS`, `LOSSY`); wrappers, prefixes, shifted indices and
    renamed modules always may. What shapes cannot tell is listed as ambiguous, never decided in silence.
    """
    pairing = _pair(file, model, allow)
    pairs = [(x, y) for x, y, _ in pairing.pairs]
    made = list(pairing.fits)
    partials = _fold(pairs, made, allow)
    made, square = settle_squares(made, allow)
    ambiguous = [*_doubtful(pairing.ambiguous, made), *square]
    unsure = {key for one in ambiguous for key in one.model}
    made = [(fit, min(confidence, 0.5) if fit.target.key in unsure else confidence) for fit, confidence in made]
    ties, tie_rules = _tied(made, model) if "tied" in allow else ([], [])
    filled = {fit.target.key for fit, _ in (*made, *ties)}
    used = {source.key for fit, _ in made for source in fit.sources}
    clashes = [
        (leaf, other)
        for leaf, other in pairing.clashes.items()
        if not leaf.partner and not other.partner and not filled & set(leaf.keys) and not used & set(other.keys)
    ]
    benign = [*_benign(pairing.model, filled, "model"), *_benign(pairing.file, used, "file")]
    benign += _shared_in_file(file, used)
    harmless = {(one.side, one.key) for one in benign}
    clashes = [pair for pair in clashes if ("model", pair[0].entries[0].key) not in harmless]
    partials += partial(clashes, model)
    clashing = {key for leaf, _ in clashes for key in leaf.keys}
    clashing_in_file = {key for _, other in clashes for key in other.keys}
    missing = [
        entry.key
        for entry in model
        if entry.key not in filled and entry.key not in clashing and ("model", entry.key) not in harmless
    ]
    unexpected = [
        entry.key
        for entry in file
        if entry.key not in used and entry.key not in clashing_in_file and ("file", entry.key) not in harmless
    ]
    unfilled = {*clashing, *missing}
    stays_random = [entry.key for entry in model if entry.key in unfilled]
    integers = [(fit.target.key, fit.sources[0].dtype) for fit, _ in made if is_quantised(fit)]
    findings = Findings(
        file=file,
        model=model,
        coverage=_coverage([entry for entry in model if ("model", entry.key) not in harmless], filled),
        unused=1 - _coverage([entry for entry in file if ("file", entry.key) not in harmless], used),
        missing=missing,
        unexpected=unexpected,
        mismatched=len(clashing),
        ambiguous=sum(len(one.model) for one in ambiguous),
        integers=integers,
        partial=partials,
        conflicts=len(clashing - {key for part in partials for key in part.keys}),
        nearest=nearest([(x, y) for x, y, sure in pairing.pairs if sure > 0.8], clashes),
    )
    refused, sentence = verdict(findings)
    return Diagnosis(
        transfers=[_transfer(fit, confidence) for fit, confidence in (*made, *ties)],
        rules=[*rules(made, LOSSY), *tie_rules],
        matched=len(filled),
        missing=missing,
        unexpected=unexpected,
        mismatched=_mismatches(clashes),
        clashes=[Clash(model=leaf.keys, file=other.keys) for leaf, other in clashes],
        ambiguous=ambiguous,
        benign=benign,
        partial=partials,
        coverage=findings.coverage,
        stays_random=stays_random,
        notes=square_notes(square),
        refused=refused,
        verdict=sentence,
        loads=not (refused or missing or unexpected or clashes or integers),
    )


def _pair(file: Sequence[Entry], model: Sequence[Entry], allow: frozenset[str]) -> Pairing:
    file_tree, model_tree = build(file), build(model)
    if {"qkv_split", "qkv_join"} & allow:
        unite(file_tree, model_tree)
    forms: dict[object, int] = {}
    seal(file_tree, forms)
    seal(model_tree, forms)
    pairing = Pairing(file_tree, model_tree, allow)
    pairing.run()
    return pairing


def _fold(pairs: list[tuple[Node, Node]], made: list[tuple[Fit, float]], allow: frozenset[str]) -> list[Partial]:
    """Fold weight norms where that is allowed; else say that it could be done."""
    proposals = []
    for leaf, _, fit in folds(pairs):
        if "weight_norm_fold" in allow:
            made.append((fit, 1.0))
            continue
        proposals.append(
            Partial(
                kind="weight_norm_fold",
                keys=leaf.keys,
                sources=[source.key for source in fit.sources],
                elements=elements(fit.target),
                message=f"{fit.target.key}: the file has it as weight norm's g and v; g · v / ‖v‖ would fill it",
            )
        )
    return proposals


def _tied(made: Iterable[tuple[Fit, float]], model: Sequence[Entry]) -> tuple[list[tuple[Fit, float]], list[LoadRule]]:
    """Keys that nothing fills, but whose memory another key that is filled shares."""
    by_identity = {fit.target.identity: (fit, sure) for fit, sure in made if fit.target.identity is not None}
    filled = {fit.target.key for fit, _ in made}
    ties, told = [], []
    for entry in model:
        if entry.key in filled or entry.identity not in by_identity:
            continue
        twin, sure = by_identity[entry.identity]
        ties.append((Fit(entry, twin.sources, (*twin.kinds, "tied"), twin.changes), sure))
        told.append(LoadRule(kind="tied", from_=twin.target.key, to=entry.key, tensors=1, keys=[entry.key]))
    return ties, told


def _doubtful(ambiguous: Iterable[Ambiguity], made: Iterable[tuple[Fit, float]]) -> list[Ambiguity]:
    """Each once, without the keys that what has their very name filled."""
    certain = {fit.target.key for fit, _ in made if [source.key for source in fit.sources] == [fit.target.key]}
    found = {}
    for one in ambiguous:
        keys = [key for key in one.model if key not in certain]
        if keys:
            found[tuple(keys), tuple(one.candidates)] = replace(one, model=keys)
    return list(found.values())


def _benign(root: Node, paired: set[str], side: str) -> list[Benign]:
    return [
        Benign(key=key, side=side, why=leaf.benign)
        for leaf in root.all_leaves()
        if leaf.benign
        for key in leaf.keys
        if key not in paired
    ]


def _shared_in_file(file: Sequence[Entry], used: set[str]) -> list[Benign]:
    by_identity = {entry.identity: entry.key for entry in file if entry.key in used and entry.identity is not None}
    return [
        Benign(key=entry.key, side="file", why=f"shares its memory with {by_identity[entry.identity]}, which is used")
        for entry in file
        if entry.key not in used and entry.identity in by_identity
    ]


def _coverage(entries: Iterable[Entry], filled: set[str]) -> float:
    """Share of elements, memory that several keys share counted once; 1 where there is nothing to fill."""
    sizes: dict[str, int] = {}
    reached: dict[str, int] = {}
    for entry in entries:
        memory = f"memory {entry.identity}" if entry.identity is not None else f"key {entry.key}"
        sizes[memory] = elements(entry)
        if entry.key in filled:
            reached[memory] = elements(entry)
    total = sum(sizes.values())
    return sum(reached.values()) / total if total else 1.0


def _mismatches(clashes: Iterable[tuple[Leaf, Leaf]]) -> list[Mismatch]:
    return [
        Mismatch(key=key, file_shape=list(other.shape or ()), model_shape=list(leaf.shape or ()))
        for leaf, other in clashes
        for key in leaf.keys
    ]


def _transfer(fit: Fit, confidence: float) -> Transfer:
    return Transfer(
        target=fit.target.key,
        sources=[source.key for source in fit.sources],
        changes=list(fit.changes),
        confidence=confidence,
        lossy=any(kind in LOSSY for kind in fit.kinds),
    )

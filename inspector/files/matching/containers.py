"""The state_dicts in a checkpoint that could be a model's: its own, an average, a teacher, never the optimizer's."""

from collections.abc import Iterable, Sequence

import msgspec

from inspector.core.table import LoadRule, Record
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching.diagnosing import diagnose
from inspector.files.matching.records import LOSSLESS, Diagnosis, Entry
from inspector.files.part_kinds import AVERAGES

_SLOTS = frozenset({"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "acc_delta", "step"})
_MOST = 16


class Candidate(Record, frozen=True, kw_only=True):
    """A mapping of the file that could be the model's state_dict."""

    path: list[str]
    """The keys that lead to it; empty for the top of the file."""
    kind: str
    """"model", "average" (of weights: EMA, SWA, a teacher) or "optimizer", which is never taken."""
    entries: list[Entry]
    diagnosis: Diagnosis | None = None
    """None for an optimizer's state."""


def candidates(catalog: Catalog, model: Sequence[Entry], allow: frozenset[str] = LOSSLESS) -> list[Candidate]:
    """Every candidate, the one that fills most of the model first, the model's own before an average; optimizers last.

    A mapping is one by itself, and together with the mappings below it (``{"encoder": {…}, "head": {…}}``), their keys
    joined by dots. The diagnosis of one that is not the top has the rule "container" in front.
    """
    by_path: dict[tuple[str, ...], list[CatalogTensor]] = {}
    for tensor in catalog.tensors:
        by_path.setdefault(tuple(tensor.container), []).append(tensor)
    optimizers = _optimizers(catalog, by_path)
    theirs = {path for path in by_path if any(path[: len(top)] == top for top in optimizers)}
    of_models = {path: tensors for path, tensors in by_path.items() if path not in theirs}
    found = []
    for path in sorted(_tops(of_models), key=lambda top: (len(top), top))[:_MOST]:
        entries = [
            _entry(tensor, ".".join((*held[len(path) :], tensor.name)))
            for held, tensors in of_models.items()
            if held[: len(path)] == path
            for tensor in tensors
        ]
        average = any(word in part.lower() for part in path for word in AVERAGES)
        found.append(
            Candidate(
                path=list(path),
                kind="average" if average else "model",
                entries=entries,
                diagnosis=_in_container(diagnose(entries, model, allow), path),
            )
        )
    found.sort(key=_rank)
    for path in sorted(optimizers):
        entries = [
            _entry(tensor, ".".join((*held[len(path) :], tensor.name)))
            for held, tensors in by_path.items()
            if held[: len(path)] == path
            for tensor in tensors
        ]
        found.append(Candidate(path=list(path), kind="optimizer", entries=entries))
    return found


def _rank(candidate: Candidate) -> tuple[float, int, bool, int, int]:
    diagnosis = candidate.diagnosis
    if diagnosis is None:
        return 0.0, 0, True, 0, 0
    left = len(diagnosis.unexpected) + len(diagnosis.mismatched)
    return -round(diagnosis.coverage, 6), len(diagnosis.missing), candidate.kind != "model", left, len(candidate.path)


def _optimizers(catalog: Catalog, by_path: dict[tuple[str, ...], list[CatalogTensor]]) -> set[tuple[str, ...]]:
    """The outermost mappings that are an optimizer's: beside ``param_groups``, or with the names of its slots."""
    paths = {tuple(container.path) for container in catalog.containers} | set(by_path)
    found = {path[:-1] for path in paths if path and path[-1] == "param_groups"}
    found |= {path for path in paths if path and "optim" in path[-1].lower()}
    found |= {path for path, tensors in by_path.items() if path and {tensor.name for tensor in tensors} <= _SLOTS}
    return {path for path in found if not any(path[:length] in found for length in range(len(path)))}


def _tops(by_path: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The paths that hold tensors, and those that several of them have in common."""
    paths = list(by_path)
    found = set(paths)
    for path in paths:
        for length in range(len(path)):
            top = path[:length]
            if top not in found and len({other[length] for other in paths if other[:length] == top}) > 1:
                found.add(top)
    return found


def _entry(tensor: CatalogTensor, key: str) -> Entry:
    place = f"{tensor.storage}+{tensor.storage_offset} {tensor.shape} {tensor.strides}"
    memory = None if tensor.storage is None or not tensor.elements else place
    return Entry(key=key, shape=tuple(tensor.shape), dtype=tensor.dtype, identity=memory)


def _in_container(diagnosis: Diagnosis, path: tuple[str, ...]) -> Diagnosis:
    if not path:
        return diagnosis
    rule = LoadRule(kind="container", from_=".".join(path), to="", tensors=len(diagnosis.transfers))
    return msgspec.structs.replace(diagnosis, rules=[rule, *diagnosis.rules])

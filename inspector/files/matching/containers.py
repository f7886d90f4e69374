"""The state_dicts in a checkpoint that could be a model's: its own, an average, a teacher, never the optimizer's."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from inspector.core.table import LoadRule, Record
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching.diagnosing import diagnose
from inspector.files.matching.records import LOSSLESS, Diagnosis, Entry
from inspector.files.part_kinds import is_average

_SLOTS = frozenset({"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "acc_delta", "step"})
_MOST = 16
Path = tuple[str, ...]


class Candidate(Record, frozen=True, kw_only=True):
    """A mapping of the file that could be the model's state_dict."""

    path: list[str]
    """The keys that lead to it; empty for the top of the file."""
    kind: str
    """"model", "average" (of weights: EMA, SWA, a teacher) or "optimizer", which is never taken."""
    entries: list[Entry]
    diagnosis: Diagnosis | None = None
    """None for an optimizer's state, and before there is a model to hold it against."""


def candidates(catalog: Catalog, model: Sequence[Entry], allow: frozenset[str] = LOSSLESS) -> list[Candidate]:
    """Every candidate, the one that fills most of the model first, the model's own before an average; optimizers last.

    A mapping is one by itself, and together with the mappings below it (``{"encoder": {…}, "head": {…}}``), their keys
    joined by dots. The diagnosis of one that is not the top has the rule "container" in front.
    """
    found, every = [], state_dicts(catalog)
    for one in every:
        if one.kind == "optimizer":
            found.append(one)
            continue
        diagnosis = diagnose(one.entries, model, allow)
        if not _is_of_one_below(one, every, diagnosis):
            diagnosis = _in_container(diagnosis, tuple(one.path))
            found.append(msgspec.structs.replace(one, diagnosis=diagnosis))
    return sorted(found, key=_rank)


def state_dicts(catalog: Catalog) -> list[Candidate]:
    """Every candidate as it is in the file, none diagnosed; optimizers last."""
    by_path = _by_path(catalog)
    optimizers = _optimizers(catalog, by_path)
    of_models = {path: tensors for path, tensors in by_path.items() if not _is_below(path, optimizers)}
    tops = sorted(_tops(of_models), key=lambda top: (len(top), top))[:_MOST]
    return [
        *(_candidate(path, of_models, "average" if is_average(path) else "model") for path in tops),
        *(_candidate(path, by_path, "optimizer") for path in sorted(optimizers)),
    ]


def disjoint(catalog: Catalog) -> list[Candidate]:
    """Each mapping with tensors of its own, and each optimizer's state as a whole: every tensor once."""
    by_path = _by_path(catalog)
    optimizers = _optimizers(catalog, by_path)
    return [
        *(
            _candidate(path, {path: tensors}, "average" if is_average(path) else "model")
            for path, tensors in by_path.items()
            if not _is_below(path, optimizers)
        ),
        *(_candidate(path, by_path, "optimizer") for path in sorted(optimizers)),
    ]


def _by_path(catalog: Catalog) -> dict[tuple[str, ...], list[CatalogTensor]]:
    by_path: dict[tuple[str, ...], list[CatalogTensor]] = {}
    for tensor in catalog.tensors:
        by_path.setdefault(tuple(tensor.container), []).append(tensor)
    return by_path


def _candidate(path: Path, by_path: Mapping[Path, list[CatalogTensor]], kind: str) -> Candidate:
    entries = [
        _entry(tensor, ".".join((*held[len(path) :], tensor.name)))
        for held, tensors in by_path.items()
        if held[: len(path)] == path
        for tensor in tensors
    ]
    return Candidate(path=list(path), kind=kind, entries=entries)


def _is_below(path: Path, tops: Collection[Path]) -> bool:
    return any(path[:length] in tops for length in range(len(path) + 1))


def _is_of_one_below(candidate: Candidate, every: Iterable[Candidate], diagnosis: Diagnosis) -> bool:
    """Whether all that it fills comes from a single candidate below it."""
    used = {source for transfer in diagnosis.transfers for source in transfer.sources}
    depth = len(candidate.path)
    below = (one for one in every if len(one.path) > depth and one.path[:depth] == candidate.path)
    return bool(used) and any(
        used <= {".".join((*one.path[depth:], entry.key)) for entry in one.entries} for one in below
    )


def _rank(candidate: Candidate) -> tuple[float, int, bool, int, int]:
    diagnosis = candidate.diagnosis
    if diagnosis is None:
        return 0.0, 0, True, 0, 0
    left = len(diagnosis.unexpected) + len(diagnosis.mismatched)
    if not diagnosis.matched:
        # Where nothing fits, the largest is the one to report on.
        left = -left
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
    return Entry(key=key, shape=tuple(tensor.shape), dtype=tensor.dtype, identity=memory, persistent=tensor.persistent)


def _in_container(diagnosis: Diagnosis, path: tuple[str, ...]) -> Diagnosis:
    if not path:
        return diagnosis
    keys = [transfer.target for transfer in diagnosis.transfers]
    rule = LoadRule(kind="container", from_=".".join(path), to="", tensors=len(keys), keys=keys)
    return msgspec.structs.replace(diagnosis, rules=[rule, *diagnosis.rules])

"""The state_dicts in a checkpoint that could be a model's: its own, an average, a teacher, never the optimizer's."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from inspector.core.errors import RequestError
from inspector.core.loads import LoadRule
from inspector.core.record import Record
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
    """Every candidate, the one that fills most of the model first; optimizers last.

    Of those that fill as much, the model's own comes before an average, and what the file has first before the rest.

    A mapping is one by itself, and together with the mappings below it (``{"encoder": {…}, "head": {…}}``), their keys
    joined by dots. The diagnosis of one that is not the top has the rule "container" in front.
    """
    every = state_dicts(catalog)
    diagnosed = [one if one.kind == "optimizer" else _diagnosed(one, model, allow) for one in every]
    found = [one for one in diagnosed if one.diagnosis is None or not _is_of_one_below(one, every, one.diagnosis)]
    return sorted(found, key=_rank)


def named_candidate(
    catalog: Catalog, container: str, model: Sequence[Entry], allow: frozenset[str] = LOSSLESS
) -> Candidate:
    """The state_dict that a user names, with its diagnosis; `container` is its path joined by dots, "" for the top.

    Raises RequestError, with those that there are, where there is no such, or it is an optimizer's.
    """
    every = state_dicts(catalog)
    one = next((one for one in every if ".".join(one.path) == container), None)
    if one is None or one.kind == "optimizer":
        others = ", ".join(".".join(other.path) or '"" (the top)' for other in every if other.kind != "optimizer")
        what = "no state_dict" if one is None else "the state of an optimizer, which is no model's,"
        raise RequestError(
            f"{catalog.path} has {what} at {container or 'its top'}; its state_dicts: {others or 'none'}"
        )
    return _diagnosed(one, model, allow)


def rivals(chosen: Candidate, found: Iterable[Candidate]) -> list[Candidate]:
    """Other candidates that fill as much of the model as the chosen one."""
    most = _fills(chosen)
    return [one for one in found if one is not chosen and _fills(one) == most and chosen.path != one.path]


def state_dicts(catalog: Catalog) -> list[Candidate]:
    """Every candidate as it is in the file, none diagnosed; optimizers last."""
    by_path = _by_path(catalog)
    optimizers = _optimizers(catalog, by_path)
    of_models = {path: tensors for path, tensors in by_path.items() if not _is_below(path, optimizers)}
    tops = sorted(_tops(of_models), key=len)[:_MOST]
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


def _diagnosed(one: Candidate, model: Sequence[Entry], allow: frozenset[str]) -> Candidate:
    diagnosis = _in_container(diagnose(one.entries, model, allow), tuple(one.path))
    return msgspec.structs.replace(one, diagnosis=diagnosis)


def _fills(candidate: Candidate) -> tuple[float, int, int] | None:
    """How much of the model; None where nothing."""
    diagnosis = candidate.diagnosis
    if diagnosis is None or not diagnosis.matched:
        return None
    return round(diagnosis.coverage, 6), len(diagnosis.missing), len(diagnosis.mismatched)


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


def _tops(by_path: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The paths that hold tensors, in the file's order, and those that several of them have in common."""
    paths = list(by_path)
    found = dict.fromkeys(paths)
    for path in paths:
        for length in range(len(path)):
            top = path[:length]
            if top not in found and len({other[length] for other in paths if other[:length] == top}) > 1:
                found[top] = None
    return list(found)


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

"""What the parts of a file are, and what each takes: weights, averages of them, optimizers' state, the rest.

An optimizer's state is told by the mapping that ``Optimizer.state_dict()`` makes, ``state`` beside ``param_groups``, or
where keys are flat by the names that only optimizers give: ``optim.state.layers.0.weight.exp_avg``.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import takewhile

import msgspec

from inspector.core.file_info import FilePart, PartKind
from inspector.core.record import Record
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.distinct import storages
from inspector.files.dtypes import is_floating
from inspector.files.part_kinds import ABBREVIATIONS, PLAIN_SLOTS, average_word, optimizer_name

_Path = tuple[str, ...]
_DEEPEST = 12
"""Parts of a key at which a part of the file begins at the deepest."""
_RANKS: dict[PartKind, int] = {"weights": 0, "average": 1, "optimizer": 2, "other": 3}


class Breakdown(Record, frozen=True, kw_only=True):
    """Bytes of a file's tensors, each storage once: by part, by dtype and by the device they were saved from."""

    parts: list[FilePart]
    dtypes: dict[str, int]
    devices: dict[str, int]


class Part(msgspec.Struct):
    """The tensors of a part of the file; `bytes` once they are counted."""

    path: _Path
    kind: PartKind
    name: str
    tensors: list[CatalogTensor] = []
    bytes: int = 0


def breakdown_of(catalog: Catalog, found: Sequence[Part]) -> Breakdown:
    """The parts that `parts_of` found; a storage that several share is counted with the weights, else the first.

    A part that has no bytes of its own is left out: it is another name for a part that is told.
    """
    part_of = {id(tensor): part for part in found for tensor in part.tensors}
    ranked = sorted(catalog.tensors, key=lambda tensor: _RANKS[part_of[id(tensor)].kind])
    dtypes: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    for tensor, _, size in storages(ranked):
        part_of[id(tensor)].bytes += size
        dtypes[tensor.dtype] += size
        devices[tensor.device] += size
    total = dtypes.total()
    parts = [
        FilePart(
            name=part.name,
            path=".".join(part.path),
            kind=part.kind,
            bytes=part.bytes,
            share=part.bytes / total if total else None,
            tensors=len(part.tensors),
        )
        for part in found
        if part.bytes or not total
    ]
    return Breakdown(parts=parts, dtypes=dict(dtypes.most_common()), devices=dict(devices.most_common()))


def parts_of(catalog: Catalog) -> list[Part]:
    """The tensors by the part that they belong to, in the order of the file."""
    places = [(*tensor.container, *tensor.name.split(".", _DEEPEST)) for tensor in catalog.tensors]
    regions = _optimizer_regions(catalog, places)
    top = _common([tuple(tensor.container) for tensor in catalog.tensors])
    parts: dict[_Path, Part] = {}
    for tensor, place in zip(catalog.tensors, places, strict=True):
        region = _region(place, regions) if regions else None
        average = _average(tensor, place) if region is None else None
        if region is not None:
            part = Part(regions[region], "optimizer", "optimizer state")
        elif average is not None:
            path, word = average
            part = Part(path, "average", f"{word.upper() if word in ABBREVIATIONS else word} weights")
        else:
            part = Part(tuple(tensor.container[: len(top) + 1]), "other", "other tensors")
        parts.setdefault((part.kind, *part.path), part).tensors.append(tensor)
    return _named(catalog, [*parts.values()], top)


def _region(place: _Path, regions: Collection[_Path]) -> _Path | None:
    return next((place[:end] for end in range(min(len(place), _DEEPEST) + 1) if place[:end] in regions), None)


def _common(paths: Sequence[_Path]) -> _Path:
    """What all paths begin with."""
    first, last = min(paths, default=()), max(paths, default=())
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _optimizer_regions(catalog: Catalog, places: Sequence[_Path]) -> dict[_Path, _Path]:
    """Beginnings of places below which everything is an optimizer's, and the path at which its state_dict is."""
    paths = {tuple(container.path) for container in catalog.containers}
    regions: dict[_Path, _Path] = {}
    for path in paths:
        if path and path[-1] == "param_groups" and (*path[:-1], "state") in paths:
            regions |= {path: path[:-1], (*path[:-1], "state"): path[:-1]}
    others = {place[:1] for place in places if place[-1] != "step" and PLAIN_SLOTS.isdisjoint(place)}
    for place in places:
        if not PLAIN_SLOTS.isdisjoint(place):
            if "state" in place[:_DEEPEST]:
                end = place.index("state")
                regions.setdefault(place[: end + 1], place[:end])
            elif place[:1] not in others:
                regions.setdefault(place[:1], place[:1])
    known = {region[:end] for region in regions for end in range(min(len(region), _DEEPEST) + 1)}
    for path in paths:
        named = next((end for end, part in enumerate(path[:_DEEPEST], 1) if "optim" in part.lower()), None)
        if named is not None and path[:named] not in known:
            regions[path[:named]] = path[:named]
    return regions


def _average(tensor: CatalogTensor, place: _Path) -> tuple[_Path, str] | None:
    """Where the copy begins that a tensor belongs to, and the word for it: a container, or the first part of a key."""
    for end, part in enumerate(place[: min(len(tensor.container) + 1, len(place) - 1)], 1):
        word = average_word(part)
        if word is not None:
            return place[:end], word
    return None


def _named(catalog: Catalog, parts: list[Part], top: _Path) -> list[Part]:
    """The same, weights told from the rest, and optimizers called by what they keep."""
    rest = [part for part in parts if part.kind == "other"]
    in_mappings = any(len(part.path) > len(top) and _holds_weights(part) for part in rest)
    for part in parts:
        if part.kind == "optimizer":
            part.name = optimizer_name(_slots(part))
    for part in rest if catalog.root not in ("tensor", "list") else ():
        directly = len(part.path) == len(top)
        # What stands beside the mappings that hold weights is no model of its own: losses, random state.
        if _holds_weights(part) and not (directly and in_mappings):
            part.kind, part.name = "weights", "model weights"
        elif not directly:
            part.name = part.path[-1]
    return parts


def _holds_weights(part: Part) -> bool:
    scheduler = any("schedul" in one.lower() for one in part.path)
    return not scheduler and any(is_floating(tensor.dtype) and tensor.shape for tensor in part.tensors)


def _slots(part: Part) -> set[str]:
    """What an optimizer keeps for its parameters, by name."""
    names = set()
    for tensor in part.tensors:
        place = (*tensor.container, *tensor.name.split("."))[len(part.path) :]
        known = next((one for one in reversed(place) if one in PLAIN_SLOTS), None)
        names.add(known or next((one for one in reversed(place) if not one.isdigit()), ""))
    return names

"""The renamings behind a list of pairs, told as few rules with ``{n}`` for indices."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inspector.core.table import LoadRule
from inspector.files.matching.casts import loses
from inspector.files.matching.leaf_names import split
from inspector.files.matching.transferring import Fit
from inspector.files.matching.tree import is_index
from inspector.files.matching.wrappers import WRAPPERS

Path = tuple[str, ...]
_LETTERS = "nmkpqrstuvw"
_MOST_PLACES = 6


@dataclass(slots=True)
class _Tally:
    tensors: int = 0
    confidences: list[float] = field(default_factory=list)
    firsts: set[int] = field(default_factory=set)
    """Of an index shift: the indices in the file that it moves."""


def rules(made: Iterable[tuple[Fit, float]], lossy: frozenset[str]) -> list[LoadRule]:
    """Rules in the order in which they first appear: of names, of values, of dtypes."""
    tallies: dict[tuple[str, str, str], _Tally] = {}
    for fit, confidence in made:
        told = [*_of_names(fit), *_of_values(fit), *_of_dtypes(fit)]
        for kind, from_, to, index in dict.fromkeys(told):
            tally = tallies.setdefault((kind, from_, to), _Tally())
            tally.tensors += 1
            tally.confidences.append(confidence)
            tally.firsts.add(index)
    return [
        LoadRule(
            kind=kind,
            from_=from_,
            to=to,
            tensors=tally.tensors,
            confidence=_confidence(kind, tally.confidences),
            lossy=kind in lossy or (kind == "cast" and loses(from_, to)),
            condition=f"n ≥ {min(tally.firsts)}" if kind == "index_shift" else "",
        )
        for (kind, from_, to), tally in _few_places(tallies).items()
    ]


def _confidence(kind: str, confidences: list[float]) -> float:
    """That of the least sure tensor; of the surest where a wrapper went, which any of them proves."""
    if kind == "cast":
        return 1.0
    return max(confidences) if kind in ("drop_wrapper", "add_wrapper") else min(confidences)


Told = tuple[str, str, str, int]
"""Kind, from, to, and the index in the file where one is shifted."""


def _of_names(fit: Fit) -> Iterator[Told]:
    if any(kind in ("qkv_split", "qkv_join") for kind in fit.kinds):
        return
    path, name = split(tuple(fit.sources[0].key.split(".")))
    path_of_model, name_of_model = split(tuple(fit.target.key.split(".")))
    if name != name_of_model and "weight_norm_fold" not in fit.kinds:
        yield _leaf_kind(name, name_of_model), f"*.{name}", f"*.{name_of_model}", 0
    yield from _of_wrappers(path, path_of_model)
    yield from _of_paths(_plain(path), _plain(path_of_model))


def _leaf_kind(name: str, other: str) -> str:
    spellings = f"{name} {other}"
    if "original0" in spellings or "original1" in spellings:
        return "weight_norm"
    if "parametrizations" in spellings:
        return "spectral_norm"
    return "renamed"


def _of_wrappers(path: Path, path_of_model: Path) -> Iterator[Told]:
    """Wrappers' tokens that one side has at a place, counted from the leaf up, and the other has not."""
    mine, others = _wrapped(path), _wrapped(path_of_model)
    for place, prefix in mine.items():
        if place not in others:
            yield "drop_wrapper", f"{prefix}{place[0]}.", prefix, 0
    for place, prefix in others.items():
        if place not in mine:
            yield "add_wrapper", prefix, f"{prefix}{place[0]}.", 0


def _wrapped(path: Path) -> dict[tuple[str, int, int], str]:
    """What is in front of each wrapper, by its token, the names below it, and which of several equal ones it is."""
    found: dict[tuple[str, int, int], str] = {}
    for at in range(len(path) - 1, -1, -1):
        if path[at] in WRAPPERS:
            below = len(_plain(path[at:]))
            again = sum((token, names) == (path[at], below) for token, names, _ in found)
            found[path[at], below, again] = "".join(f"{each}." for each in path[:at])
    return found


def _plain(path: Path) -> Path:
    return tuple(token for token in path if token not in WRAPPERS)


def _of_paths(path: Path, other: Path) -> Iterator[Told]:
    end = 0
    while end < min(len(path), len(other)) and path[-1 - end] == other[-1 - end]:
        end += 1
    path, other = path[: len(path) - end], other[: len(other) - end]
    if not path and not other:
        return
    indices = [int(token) for token in path if is_index(token)]
    indices_of_model = [int(token) for token in other if is_index(token)]
    comparable = len(indices) == len(indices_of_model)
    offsets = [b - a for a, b in zip(indices, indices_of_model, strict=True)] if comparable else None
    from_ = _spelled(path, [0] * len(indices) if comparable else None)
    to = _spelled(other, offsets)
    words, words_of_model = ([token for token in side if not is_index(token)] for side in (path, other))
    if comparable and words == words_of_model:
        moved = next((first for first, offset in zip(indices, offsets or [], strict=True) if offset), 0)
        yield "index_shift", from_, to, moved
    elif (
        (not indices and not indices_of_model and (not path or not other or len(path) == len(other) == 1))
        or path == other[: len(path)]
        or other == path[: len(other)]
    ):
        yield "prefix", _with_dot(from_), _with_dot(to), 0
    else:
        yield "renamed", from_, to, 0


def _spelled(path: Path, offsets: Sequence[int] | None) -> str:
    """A path with a letter for each index, and what is added to it; as it is where `offsets` is None."""
    if offsets is None:
        return ".".join(path)
    at, parts = 0, []
    for token in path:
        if is_index(token):
            letter = _LETTERS[at % len(_LETTERS)]
            parts.append(f"{{{letter}{offsets[at]:+d}}}" if offsets[at] else f"{{{letter}}}")
            at += 1
        else:
            parts.append(token)
    return ".".join(parts)


def _with_dot(path: str) -> str:
    return f"{path}." if path else ""


def _of_values(fit: Fit) -> Iterator[Told]:
    from_ = "|".join(_module(source.key) for source in fit.sources)
    if len(fit.sources) > 1:
        front, _, last = _module(fit.sources[0].key).rpartition(".")
        names = [last, *(_module(source.key).rpartition(".")[2] for source in fit.sources[1:])]
        from_ = f"{_with_dot(front)}{'|'.join(dict.fromkeys(names))}"
    for kind in fit.kinds:
        if kind != "tied":
            yield kind, from_, _module(fit.target.key), 0


def _module(key: str) -> str:
    path = split(tuple(key.split(".")))[0]
    return _spelled(path, [0] * sum(is_index(token) for token in path))


def _of_dtypes(fit: Fit) -> Iterator[Told]:
    given, kept = fit.sources[0].dtype, fit.target.dtype
    if given and kept and given != kept:
        yield "cast", given, kept, 0


def _few_places(tallies: dict[tuple[str, str, str], _Tally]) -> dict[tuple[str, str, str], _Tally]:
    """Wrappers found in many places are one rule, "*.module." to "*."."""
    places: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for key in tallies:
        kind, from_, to = key
        if kind in ("drop_wrapper", "add_wrapper"):
            longer = max(from_, to, key=len)
            places.setdefault((kind, longer.rstrip(".").rpartition(".")[2]), []).append(key)
    few: dict[tuple[str, str, str], _Tally] = dict(tallies)
    for (kind, token), keys in places.items():
        if len(keys) <= _MOST_PLACES:
            continue
        merged = _Tally()
        for key in keys:
            tally = few.pop(key)
            merged.tensors += tally.tensors
            merged.confidences.extend(tally.confidences)
        sides = (f"*.{token}.", "*.")
        few[(kind, *(sides if kind == "drop_wrapper" else sides[::-1]))] = merged
    return few

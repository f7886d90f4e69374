"""The renamings behind a list of pairs, told as few rules with ``{n}`` for indices."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inspector.core.loads import LoadRule
from inspector.files.matching.casts import loses
from inspector.files.matching.leaf_names import split
from inspector.files.matching.transferring import Fit
from inspector.files.matching.tree import WRAPPERS, is_index, numbered

Path = tuple[str, ...]
_LETTERS = "nmkpqrstuvw"
_MOST_PLACES = 6


@dataclass(slots=True)
class _Tally:
    keys: list[str] = field(default_factory=list)
    """Of the model."""
    confidences: list[float] = field(default_factory=list)
    firsts: set[int] = field(default_factory=set)
    """The indices in the file that it moves."""


def rules(made: Iterable[tuple[Fit, float]], lossy: frozenset[str]) -> list[LoadRule]:
    """Rules in the order in which they first appear: of names, of values, of dtypes."""
    tallies: dict[tuple[str, str, str], _Tally] = {}
    for fit, confidence in made:
        told = [*_of_names(fit), *_of_values(fit), *_of_dtypes(fit)]
        for kind, from_, to, index in dict.fromkeys(told):
            tally = tallies.setdefault((kind, from_, to), _Tally())
            tally.keys.append(fit.target.key)
            tally.confidences.append(confidence)
            if index is not None:
                tally.firsts.add(index)
    return [
        LoadRule(
            kind=kind,
            from_=from_,
            to=to,
            tensors=len(tally.keys),
            confidence=confidence_of(kind, tally.confidences),
            lossy=kind in lossy or (kind == "cast" and loses(from_, to)),
            condition=f"n ≥ {min(tally.firsts)}" if tally.firsts else "",
            keys=tally.keys,
        )
        for (kind, from_, to), tally in _few_places(tallies).items()
    ]


def confidence_of(kind: str, confidences: Sequence[float]) -> float:
    """That of the least sure tensor; of the surest where a wrapper went, which any of them proves."""
    if kind in ("cast", "container"):
        return 1.0
    return max(confidences) if kind in ("drop_wrapper", "add_wrapper") else min(confidences)


Told = tuple[str, str, str, int | None]
"""Kind, from, to, and the index in the file where one is shifted."""


def _of_names(fit: Fit) -> Iterator[Told]:
    if any(kind in ("qkv_split", "qkv_join") for kind in fit.kinds):
        return
    path, name = split(tuple(fit.sources[0].key.split(".")))
    path_of_model, name_of_model = split(tuple(fit.target.key.split(".")))
    if name != name_of_model and "weight_norm_fold" not in fit.kinds:
        yield _leaf_kind(name, name_of_model), f"*.{name}", f"*.{name_of_model}", None
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
            yield "drop_wrapper", f"{prefix}{place[0]}.", prefix, None
    for place, prefix in others.items():
        if place not in mine:
            yield "add_wrapper", prefix, f"{prefix}{place[0]}.", None


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
    names, names_of_model, offsets = _offsets(path, other)
    from_, to = _spelled(names, [0] * len(offsets)), _spelled(names_of_model, offsets)
    moved = next((number for (_, number), offset in zip(_counted(names), offsets, strict=True) if offset), None)
    words = [stem for stem, _ in names if stem]
    if moved is not None and words == [stem for stem, _ in names_of_model if stem]:
        yield "index_shift", from_, to, moved
    elif path == other[: len(path)] or other == path[: len(other)] or _is_plain(path, other):
        yield "prefix", _with_dot(from_), _with_dot(to), moved
    else:
        yield "renamed", from_, to, moved


Name = tuple[str, int | None]
"""The stem of a part of a path, and the index behind it."""


def _offsets(path: Path, other: Path) -> tuple[list[Name], list[Name], list[int]]:
    """Both paths with the indices that correspond, and by how much each differs.

    Numbers at the end of a name (layer3) are indices where nothing else of the number changes, or no name does.
    """
    for split_name in (numbered, _index_alone):
        names, names_of_model = [split_name(token) for token in path], [split_name(token) for token in other]
        one, two = _counted(names), _counted(names_of_model)
        if len(one) != len(two):
            continue
        offsets = [b - a for (_, a), (_, b) in zip(one, two, strict=True)]
        same_words = [stem for stem, _ in names] == [stem for stem, _ in names_of_model]
        if split_name is _index_alone or same_words or not any(offsets):
            return names, names_of_model, offsets
    return [(token, None) for token in path], [(token, None) for token in other], []


def _index_alone(token: str) -> Name:
    return ("", int(token)) if is_index(token) else (token, None)


def _counted(names: Iterable[Name]) -> list[tuple[str, int]]:
    return [(stem, number) for stem, number in names if number is not None]


def _is_plain(path: Path, other: Path) -> bool:
    """Whether one name at the top became another."""
    return len(path) == len(other) == 1 and not is_index(path[0]) and not is_index(other[0])


def _spelled(names: Iterable[Name], offsets: Sequence[int]) -> str:
    """A path with a letter for each index, and what is added to it."""
    at, parts = 0, []
    for stem, number in names:
        if number is None:
            parts.append(stem)
            continue
        letter = _LETTERS[at % len(_LETTERS)]
        parts.append(f"{stem}{{{letter}{offsets[at]:+d}}}" if offsets[at] else f"{stem}{{{letter}}}")
        at += 1
    return ".".join(parts)


def _with_dot(path: str) -> str:
    return f"{path}." if path else ""


def _of_values(fit: Fit) -> Iterator[Told]:
    if not fit.kinds:
        return
    from_ = "|".join(_module(source.key) for source in fit.sources)
    if len(fit.sources) > 1:
        front, _, last = _module(fit.sources[0].key).rpartition(".")
        names = [last, *(_module(source.key).rpartition(".")[2] for source in fit.sources[1:])]
        from_ = f"{_with_dot(front)}{'|'.join(dict.fromkeys(names))}"
    for kind in fit.kinds:
        if kind != "tied":
            yield kind, from_, _module(fit.target.key), None


def _module(key: str) -> str:
    names = [_index_alone(token) for token in split(tuple(key.split(".")))[0]]
    return _spelled(names, [0] * len(names))


def _of_dtypes(fit: Fit) -> Iterator[Told]:
    given, kept = fit.sources[0].dtype, fit.target.dtype
    if given and kept and given != kept:
        yield "cast", given, kept, None


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
            merged.keys.extend(tally.keys)
            merged.confidences.extend(tally.confidences)
        sides = (f"*.{token}.", "*.")
        merged.keys = list(dict.fromkeys(merged.keys))
        few[(kind, *(sides if kind == "drop_wrapper" else sides[::-1]))] = merged
    return few

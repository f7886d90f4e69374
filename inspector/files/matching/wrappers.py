"""Pair the keys of a file with those of a model where only wrappers around modules differ.

A wrapper (DataParallel, torch.compile, FSDP, Lightning …) keeps the real model in an attribute, which then stands in
every key as a token of its own. Tokens are dropped on both sides, never as text within a name, and only if more of the
model is filled that way: a real submodule named "module" keeps its name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from inspector.core.table import LoadRule
from inspector.core.wrapper_tokens import WRAPPER_TOKENS

WRAPPERS = tuple(WRAPPER_TOKENS)
OUTER = ("model", "net", "network")
"""Attributes in which a LightningModule usually keeps the network; dropped at the front of a key only."""

Shape = tuple[int, ...]
_MOST_PLACES = 6
_EVERY_SUBSET = 5


@dataclass(slots=True)
class Alignment:
    """Which key of the file goes to which key of the model."""

    pairs: dict[str, str]
    rules: list[LoadRule] = field(default_factory=list)
    filled: int = 0
    """Elements of the pairs whose shapes fit."""

    @property
    def rank(self) -> tuple[int, int, int]:
        """More filled is better, then more pairs, then fewer rules."""
        return self.filled, len(self.pairs), -len(self.rules)


def align(file: Mapping[str, Shape], model: Mapping[str, Shape | None]) -> Alignment:
    """Pair keys; a model's shape is None where it is not known yet and any fits.

    Keys that are the same on both sides are paired as they are, without any guess.
    """
    best = _scored({key: key for key in file if key in model}, file, model)
    if file.keys() == model.keys() and all(fits(file[key], model[key]) for key in file):
        return best
    file_parts = {key: key.split(".") for key in file}
    model_parts = {key: key.split(".") for key in model}
    present = [
        token
        for token in (*WRAPPERS, *OUTER)
        if any(token in parts[:-1] for side in (file_parts, model_parts) for parts in side.values())
    ]
    for dropped in _subsets(present):
        candidate = _scored(_paired(file_parts, model_parts, dropped, file, model), file, model)
        if candidate.filled > best.filled or (
            candidate.filled == best.filled and len(candidate.pairs) > len(best.pairs)
        ):
            best = candidate
    best.rules = _rules(best.pairs)
    return best


def fits(file_shape: Shape, model_shape: Shape | None) -> bool:
    """Whether a tensor of the file can be copied; torch takes one element for a scalar, as files of 0.3 have it."""
    return model_shape is None or file_shape == model_shape or (model_shape == () and file_shape == (1,))


def _scored(pairs: dict[str, str], file: Mapping[str, Shape], model: Mapping[str, Shape | None]) -> Alignment:
    filled = 0
    for key, name in pairs.items():
        if fits(file[key], model[name]):
            elements = 1
            for size in file[key]:
                elements *= size
            filled += elements
    return Alignment(pairs, filled=filled)


def _subsets(tokens: list[str]) -> Iterable[frozenset[str]]:
    """Sets of tokens to drop, small ones first, so that no more is dropped than helps."""
    sizes = range(1, len(tokens) + 1) if len(tokens) <= _EVERY_SUBSET else (1, 2, len(tokens))
    return (frozenset(chosen) for size in sizes for chosen in combinations(tokens, size))


def _paired(
    file_parts: dict[str, list[str]],
    model_parts: dict[str, list[str]],
    dropped: frozenset[str],
    file: Mapping[str, Shape],
    model: Mapping[str, Shape | None],
) -> dict[str, str]:
    """Pair the keys that are the same without the dropped tokens.

    Several keys can come to be the same where a real submodule is named like a wrapper. As many on both sides are
    paired in order of depth, since a wrapper adds a level to each; otherwise only equal keys are, or none.
    """
    by_name: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for side, keys in enumerate((file_parts, model_parts)):
        for key, parts in keys.items():
            by_name.setdefault(_plain(parts, dropped), ([], []))[side].append(key)
    pairs = {}
    for from_file, of_model in by_name.values():
        if len(from_file) == len(of_model):
            in_order = zip(
                sorted(from_file, key=lambda key: len(file_parts[key])),
                sorted(of_model, key=lambda key: len(model_parts[key])),
                strict=True,
            )
            ordered = dict(in_order)
            if len(from_file) == 1 or all(fits(file[key], model[name]) for key, name in ordered.items()):
                pairs.update(ordered)
                continue
        pairs.update({key: key for key in from_file if key in of_model})
    return pairs


def _plain(parts: list[str], dropped: frozenset[str]) -> tuple[str, ...]:
    kept = [part for part in parts[:-1] if part not in dropped or part in OUTER]
    if kept and kept[0] in OUTER and kept[0] in dropped:
        del kept[0]
    return (*kept, parts[-1])


def _rules(pairs: Mapping[str, str]) -> list[LoadRule]:
    """The tokens that were dropped or added, by place; "*" where there are many places."""
    places: Counter[tuple[str, str, str]] = Counter()
    for key, name in pairs.items():
        if key != name:
            places.update(set(_differences(key.split("."), name.split("."))))
    rules = []
    for kind, token in dict.fromkeys((kind, token) for kind, _, token in places):
        found = [(prefix, count) for (k, prefix, t), count in places.items() if (k, t) == (kind, token)]
        if len(found) > _MOST_PLACES:
            found = [("*.", sum(count for _, count in found))]
        for prefix, count in found:
            sides = (f"{prefix}{token}.", prefix)
            from_, to = sides if kind == "drop_wrapper" else sides[::-1]
            rules.append(LoadRule(kind=kind, from_=from_, to=to, tensors=count))
    return rules


def _differences(file: list[str], model: list[str]) -> list[tuple[str, str, str]]:
    """(kind, prefix, token) of each token that only one side has, compared from the leaf up.

    From the leaf, because of several equal tokens the outermost is the wrapper.
    """
    found = []
    i, j = len(file), len(model)
    while i or j:
        if i and j and file[i - 1] == model[j - 1]:
            i, j = i - 1, j - 1
        elif i and (not j or file[i - 1] in WRAPPERS or (file[i - 1] in OUTER and model[j - 1] not in WRAPPERS)):
            i -= 1
            found.append(("drop_wrapper", _prefix(file[:i]), file[i]))
        else:
            j -= 1
            found.append(("add_wrapper", _prefix(model[:j]), model[j]))
    return found


def _prefix(parts: list[str]) -> str:
    return "".join(f"{part}." for part in parts)

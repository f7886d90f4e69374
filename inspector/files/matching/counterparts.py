"""Which state_dicts of two files are held against each other: model with model, never with an optimizer's state."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog
from inspector.files.matching.containers import Candidate, disjoint, state_dicts
from inspector.files.matching.layouts import loose
from inspector.files.matching.partial import elements

_MOST_NAMED = 6


class Counterparts(NamedTuple):
    """The pairs to compare."""

    pairs: list[tuple[Candidate, Candidate]]
    alike: bool
    """Whether both files hold the same state_dicts, so that every tensor of both is in one of the pairs."""
    notes: list[str]


def counterparts(a: Catalog, b: Catalog) -> Counterparts:
    """Like with like where both hold the same, else of the models (averages included) the two most alike.

    Raises RequestError where a file holds no tensors, or one of them holds no model.
    """
    parts_a, parts_b = ({tuple(one.path): one for one in _disjoint(catalog)} for catalog in (a, b))
    if parts_a.keys() == parts_b.keys():
        pairs = [(one, parts_b[path]) for path, one in parts_a.items()]
        told = f"compared like with like: {_named(parts_a.values())}"
        return Counterparts(pairs, True, [told] if len(pairs) > 1 else [])
    models_a, models_b = _models(a, "A"), _models(b, "B")
    bags_a, bags_b = ([(one, _bag(one)) for one in models] for models in (models_a, models_b))
    (one, _), (other, _) = max(((x, y) for x in bags_a for y in bags_b), key=lambda pair: _likeness(*pair))
    told = f"compared {_place(one)} of A with {_place(other)} of B"
    left = [
        f"{_named(rest)} of {side}"
        for side, parts, chosen in (("A", parts_a, one), ("B", parts_b, other))
        if (rest := [part for part in parts.values() if part.path[: len(chosen.path)] != chosen.path])
    ]
    return Counterparts([(one, other)], False, [f"{told}; not compared: {'; '.join(left)}" if left else told])


def _disjoint(catalog: Catalog) -> list[Candidate]:
    found = disjoint(catalog)
    if not found:
        raise RequestError(f"{catalog.path} holds no tensors to compare")
    return found


def _models(catalog: Catalog, side: str) -> list[Candidate]:
    found = [one for one in state_dicts(catalog) if one.kind != "optimizer"]
    if not found:
        raise RequestError(
            f"{catalog.path} ({side}) holds only an optimizer's state, and the other file has no such; "
            "name a file that holds a model's tensors"
        )
    return found


Bag = Counter[tuple[int, ...]]
"""Elements by the sizes of the tensors that they are in."""


def _bag(candidate: Candidate) -> Bag:
    bag: Bag = Counter()
    for entry in candidate.entries:
        bag[loose(entry.shape) or ()] += elements(entry)
    return bag


def _likeness(one: tuple[Candidate, Bag], other: tuple[Candidate, Bag]) -> tuple[float, int, int, int]:
    """The share of elements in tensors of sizes that both have; then models before averages, the largest first."""
    total = one[1].total() + other[1].total()
    alike = 2 * (one[1] & other[1]).total() / total if total else 0.0
    models = (one[0].kind == "model") + (other[0].kind == "model")
    return round(alike, 6), models, total, -len(one[0].path) - len(other[0].path)


def _place(candidate: Candidate) -> str:
    return ".".join(candidate.path) or "the top"


def _named(candidates: Iterable[Candidate]) -> str:
    kinds = {"average": " (an average)", "optimizer": " (an optimizer's state)"}
    names: Sequence[str] = [f"{_place(one)}{kinds.get(one.kind, '')}" for one in candidates]
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more

"""Square matrices beside transposed ones: whether they are transposed too, no shape tells.

GPT-2's Conv1D, TensorFlow and Flax keep every linear layer's weight transposed, so a square one most likely is, too,
where those near it are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from inspector.files.matching.leaf_names import split
from inspector.files.matching.records import Ambiguity, Change, Entry
from inspector.files.matching.transferring import Fit
from inspector.files.matching.tree import generic

SQUARE = "it is square, so its shape does not tell whether it is transposed, as other matrices of the file are"
AS_THEY_ARE, TRANSPOSED = f"{SQUARE}; taken as it is", f"{SQUARE}; taken as transposed, as those beside it are"
_TRANSPOSE = Change(op="permute", axes=[1, 0])
Made = list[tuple[Fit, float]]


def settle_squares(made: Sequence[tuple[Fit, float]], allow: frozenset[str]) -> tuple[Made, list[Ambiguity]]:
    """The fits, squares transposed where all other matrices nearest to them are, and each square as an ambiguity."""
    told = [fit for fit, _ in made if _tells(fit)]
    if not any("transpose" in fit.kinds for fit in told):
        return list(made), []
    by_place = _by_place(told)
    settled: Made = []
    unsure: list[Ambiguity] = []
    for fit, confidence in made:
        if not _is_open(fit):
            settled.append((fit, confidence))
            continue
        turned = "transpose" in allow and _are_transposed(fit, by_place)
        if turned:
            fit = replace(fit, kinds=(*fit.kinds, "transpose"), changes=(*fit.changes, _TRANSPOSE))
        settled.append((fit, confidence))
        sources = [source.key for source in fit.sources]
        unsure.append(Ambiguity(model=[fit.target.key], candidates=sources, why=TRANSPOSED if turned else AS_THEY_ARE))
    return settled, unsure


def square_notes(unsure: Iterable[Ambiguity]) -> list[str]:
    """A sentence for the squares that are taken in one way, and one for the others."""
    told = []
    for why, how in ((TRANSPOSED, "taken as transposed, as those beside them are"), (AS_THEY_ARE, "taken as they are")):
        keys = [one.model[0] for one in unsure if one.why == why]
        if keys:
            things = (
                f"{len(keys)} square {'matrix' if len(keys) == 1 else 'matrices'} ({keys[0]}{', …' * (len(keys) > 1)})"
            )
            told.append(f"{things}: shapes do not tell whether transposed, as others of the file are; {how}")
    return told


def is_square(entry: Entry) -> bool:
    """Whether it is a matrix that has the same shape transposed."""
    return entry.shape is not None and len(entry.shape) == 2 and entry.shape[0] == entry.shape[1] > 1


def _is_open(fit: Fit) -> bool:
    """Whether nothing tells if it is transposed: the part of a larger matrix has that one's layout."""
    return is_square(fit.target) and not {"transpose", "qkv_split"} & {*fit.kinds}


def _tells(fit: Fit) -> bool:
    """Whether its shape says if linear layers are transposed; a table of an embedding never is."""
    shape = fit.target.shape
    is_matrix = shape is not None and len(shape) == 2 and 1 not in shape
    return is_matrix and not _is_open(fit) and fit.target.module_type != "Embedding"


def _by_place(told: Iterable[Fit]) -> dict[tuple[str, ...], set[bool]]:
    """By module, those of one row together: whether matrices in it are transposed."""
    found: dict[tuple[str, ...], set[bool]] = {}
    for fit in told:
        for place in _places(fit):
            found.setdefault(place, set()).add("transpose" in fit.kinds)
    return found


def _are_transposed(fit: Fit, by_place: dict[tuple[str, ...], set[bool]]) -> bool:
    nearest = next((by_place[place] for place in _places(fit) if place in by_place), set())
    return nearest == {True}


def _places(fit: Fit) -> list[tuple[str, ...]]:
    """The module that holds the tensor of the model, and all that hold that one; indices left out."""
    path = tuple(generic(token) for token in split(tuple(fit.target.key.split(".")))[0])
    return [path[:length] for length in range(len(path), -1, -1)]

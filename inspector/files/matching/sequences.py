"""Two sequences of numbered modules, put beside each other where some were inserted or removed.

The pairs are those of the largest total likeness that keep the order, a longest common subsequence with weights. A pair
is sure where no other alignment of the same total pairs either of its two otherwise, or where the names are equal.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

_MOST_CELLS = 60_000
_NAME_BONUS = 1e-4
_CLOSE = 1e-9


class Pair(NamedTuple):
    """Positions in both sequences, and which others of the first would do as well."""

    first: int
    second: int
    rivals: list[int]


def align(
    first: Sequence[str], second: Sequence[str], likeness: Callable[[int, int], float], only_in_order: bool = False
) -> list[Pair]:
    """Pairs of positions; `likeness` is 1 for the same structure and 0 for pairs that must not be.

    Sequences of equal length whose members are alike one by one are paired in order, with no rivals.
    """
    if len(first) == len(second) and all(likeness(at, at) >= 1 for at in range(len(first))):
        return [Pair(at, at, []) for at in range(len(first))]
    if only_in_order:
        return []
    if len(first) * len(second) > _MOST_CELLS:
        return _by_ends_and_names(first, second, likeness)
    scores = [[likeness(i, j) for j in range(len(second))] for i in range(len(first))]
    named = [
        [score + (_NAME_BONUS if score and first[i] == second[j] else 0) for j, score in enumerate(row)]
        for i, row in enumerate(scores)
    ]
    before, after = _totals(scores), _totals_backwards(scores)
    best = before[-1][-1]
    pairs = []
    for i, j in _path(named):
        rivals = [
            k
            for k in range(len(first))
            if k != i and scores[k][j] and before[k][j] + scores[k][j] + after[k + 1][j + 1] >= best - _CLOSE
        ]
        elsewhere = any(
            k != j and scores[i][k] and before[i][k] + scores[i][k] + after[i + 1][k + 1] >= best - _CLOSE
            for k in range(len(second))
        )
        sure = first[i] == second[j] or not (rivals or elsewhere)
        pairs.append(Pair(i, j, [] if sure else [*rivals, i]))
    return pairs


def _totals(scores: list[list[float]]) -> list[list[float]]:
    rows, columns = len(scores), len(scores[0]) if scores else 0
    totals = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows):
        for j in range(columns):
            with_pair = totals[i][j] + scores[i][j]
            totals[i + 1][j + 1] = max(totals[i][j + 1], totals[i + 1][j], with_pair)
    return totals


def _totals_backwards(scores: list[list[float]]) -> list[list[float]]:
    turned = _totals([row[::-1] for row in scores[::-1]])
    return [row[::-1] for row in turned[::-1]]


def _path(scores: list[list[float]]) -> list[tuple[int, int]]:
    totals = _totals(scores)
    i, j = len(scores), len(scores[0]) if scores else 0
    found = []
    while i and j:
        score = scores[i - 1][j - 1]
        if score and totals[i][j] <= totals[i - 1][j - 1] + score + _CLOSE:
            i, j = i - 1, j - 1
            found.append((i, j))
        elif totals[i - 1][j] >= totals[i][j] - _CLOSE:
            i -= 1
        else:
            j -= 1
    return found[::-1]


def _by_ends_and_names(
    first: Sequence[str], second: Sequence[str], likeness: Callable[[int, int], float]
) -> list[Pair]:
    """For very long sequences: equal names, and what is alike from both ends inwards."""
    place = {name: at for at, name in enumerate(second)}
    same = [Pair(at, place[name], []) for at, name in enumerate(first) if name in place]
    if same and all(likeness(pair.first, pair.second) >= 1 for pair in same):
        return same
    shorter = min(len(first), len(second))
    head = 0
    while head < shorter and likeness(head, head) >= 1:
        head += 1
    tail = 0
    while tail < shorter - head and likeness(len(first) - 1 - tail, len(second) - 1 - tail) >= 1:
        tail += 1
    return [
        *(Pair(at, at, []) for at in range(head)),
        *(Pair(len(first) - at, len(second) - at, []) for at in range(tail, 0, -1)),
    ]

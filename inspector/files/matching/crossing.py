"""Pairs that shapes and names do not prove: squares beside transposed matrices, names that move past kept ones."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from inspector.files.matching.matches import Match, fits
from inspector.files.matching.records import Ambiguity
from inspector.files.matching.squares import SQUARE, is_square
from inspector.files.matching.tree import is_index


def squares(matches: Sequence[Match]) -> list[Ambiguity]:
    """Square matrices beside transposed ones, also those of the same key."""
    if not any("transpose" in fit.kinds for match in matches if not match.has_one_shape for fit in fits(match)):
        return []
    return [_unsure(match, SQUARE) for match in matches if any(is_square(entry) for entry in (*match.a, *match.b))]


def crossing(matches: Sequence[Match]) -> list[Ambiguity]:
    """Pairs of other names, or of other places in a sequence, between or at which keys are the same on both sides."""
    renamed = [match for match in matches if match.a[0].key != match.b[0].key and not match.tied]
    if not renamed:
        return []
    kept = _kept([match.a[0].key for match in matches if match.a[0].key == match.b[0].key])
    found = []
    for match in renamed:
        one, other = match.a[0].key.split("."), match.b[0].key.split(".")
        depth = next((at for at, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), None)
        if depth is not None and _is_between(one[depth], other[depth], *kept.get(tuple(one[:depth]), (set(), []))):
            front = ".".join(one[:depth]) or "the top"
            found.append(
                _unsure(match, f"parts of {front} at or between these places have the same keys on both sides")
            )
    return found


def _kept(keys: Iterable[str]) -> dict[tuple[str, ...], tuple[set[str], list[int]]]:
    """By path, the names of what is below it, and those of them that are indices, in order."""
    below: dict[tuple[str, ...], set[str]] = {}
    for key in keys:
        names = key.split(".")
        for depth, name in enumerate(names[:-1]):
            below.setdefault(tuple(names[:depth]), set()).add(name)
    return {path: (names, sorted(int(name) for name in names if is_index(name))) for path, names in below.items()}


def _is_between(one: str, other: str, names: set[str], indices: list[int]) -> bool:
    if not (is_index(one) and is_index(other)):
        return one in names or other in names
    low, high = sorted((int(one), int(other)))
    return bisect_left(indices, low) < bisect_right(indices, high)


def _unsure(match: Match, why: str) -> Ambiguity:
    return Ambiguity(model=[entry.key for entry in match.a], candidates=[entry.key for entry in match.b], why=why)

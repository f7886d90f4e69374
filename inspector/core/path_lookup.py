"""Rows by what one types of their paths: the beginning with completion, or some letters of it in their order.

All paths are one text that a regular expression goes through, so that a hundred thousand are searched between two keys.
"""

import re
from collections.abc import Sequence
from heapq import nsmallest
from itertools import accumulate

from inspector.core.table import Row

SHOWN = 100
"""Rows found, the best first."""
WEIGHED = 2000
"""Of more that have the letters, the shortest are looked at closely."""
_BOUNDARIES = "._-/ "


class PathLookup:
    """The paths of some rows; of a row that runs several times the first is meant."""

    def __init__(self, rows: Sequence[Row]) -> None:
        first = self._first = dict[str, int]()
        for row in rows:
            if row.kind != "function":
                first.setdefault(row.path, row.index)
        self._rows = list(first.values())
        self._paths = list(first)
        self._number_of_rows = len(rows)
        # A path may hold line breaks itself, which would end it here.
        folded = [path.casefold().replace("\n", " ") for path in self._paths]
        self._text = "\n".join(folded)
        self._starts = [0, *accumulate(len(path) + 1 for path in folded)]

    def by_path(self, typed: str) -> list[int]:
        """Rows with this path, this number, a path that begins so, or one that holds it; in this order."""
        is_number = typed.isascii() and typed.isdigit() and len(typed) <= len(str(self._number_of_rows))
        numbered = [int(typed)] if is_number and int(typed) < self._number_of_rows else []
        exact = [self._first[typed]] if typed in self._first else []
        found = [self._rows[at] for at in self._beginning(typed)[:SHOWN]]
        if len(found) < SHOWN and typed:
            holding = self._places(re.escape(typed.casefold().replace("\n", " ")), SHOWN)
            found += [self._rows[at] for at in holding]
        return list(dict.fromkeys([*exact, *numbered, *found]))[:SHOWN]

    def completed(self, typed: str) -> str:
        """What all paths that begin so have in common, at most one part more; as typed where none does."""
        beginning = [self._paths[at] for at in self._beginning(typed)]
        if not beginning:
            return typed
        # What the first and the last in the order of characters have in common, all between them have too.
        first, last = min(beginning), max(beginning)
        common = first[: next((at for at, letter in enumerate(first) if letter != last[at : at + 1]), len(first))]
        dot = common.find(".", len(typed) + 1)
        return common[: dot + 1] if dot >= 0 else common

    def by_letters(self, typed: str) -> list[int]:
        """Rows whose paths hold these letters in this order, in any case: together and at the start of parts first."""
        letters = [letter for letter in typed.casefold() if not letter.isspace()]
        if not letters:
            return []
        # Possessive, so that a path without them is left after one look at each of its letters.
        pattern = "".join(rf"[^\n{re.escape(letter)}]*+{re.escape(letter)}" for letter in letters)
        places = self._places("^" + pattern)
        if len(places) > WEIGHED:
            places = nsmallest(WEIGHED, places, key=lambda at: len(self._paths[at]))
        weighed = nsmallest(SHOWN, places, key=lambda at: (-_weight(self._paths[at], letters), at))
        return [self._rows[at] for at in weighed]

    def _beginning(self, typed: str) -> list[int]:
        return [at for at, path in enumerate(self._paths) if path.startswith(typed)]

    def _places(self, pattern: str, most: int | None = None) -> list[int]:
        """The paths in which a pattern is found, each once."""
        found: list[int] = []
        at = 0
        for match in re.finditer(pattern, self._text, re.MULTILINE):
            while self._starts[at + 1] <= match.start():
                at += 1
            if not found or found[-1] != at:
                found.append(at)
                if len(found) == most:
                    break
        return found


def _weight(path: str, letters: Sequence[str]) -> float:
    """How well letters fit a path: each at the start of a part or behind the one before it counts more."""
    folded = path.casefold()
    together = "".join(letters)
    weight, before = 0.0, -1
    for letter in letters:
        at = folded.find(letter, before + 1)
        if at == before + 1 and at:
            weight += 2
        elif at == 0 or folded[at - 1] in _BOUNDARIES:
            weight += 1.5
        before = at
    if together in folded:
        weight += len(letters)
    return weight - len(path) / 100

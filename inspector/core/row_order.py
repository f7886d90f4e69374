"""Rows in another order: by what they cost or are called, each below the row that holds it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from inspector.core.filter_terms import QUANTITIES
from inspector.core.natural_order import natural_key
from inspector.core.row_facts import RowFacts
from inspector.core.table import Row

SortKey = Literal["order", "name", "params", "bytes", "flops", "time", "memory"]
SORT_KEYS: tuple[SortKey, ...] = ("order", "name", "params", "bytes", "flops", "time", "memory")
"""Of rows; "order" is that of the table, the others but the name are quantities that filters know too."""


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """Which rows of a table are on show, and in which order."""

    matching: Sequence[int] | None = None
    """The rows that a filter finds; None without a filter."""
    kept: bytes = b""
    """With a filter, for each row 1 where it is found or holds one that is, else 0."""
    order: Sequence[int] | None = None
    """A preorder of all rows; None for that of the table."""
    key: SortKey = "order"
    descending: bool = False
    figure: Callable[[Row], float | None] | None = None
    """What rows are sorted by, where the tree has no column of it anyway."""


def sorted_rows(facts: RowFacts, key: SortKey, descending: bool) -> list[int]:
    """The numbers of all rows in preorder, the children of each row sorted; those without a number come last."""
    rows = facts.table.rows
    children: list[list[int]] = [[] for _ in rows]
    for row in rows:
        if row.parent is not None:
            children[row.parent].append(row.index)
    by = _by(facts, key, descending)
    found, waiting = [], [0] if rows else []
    while waiting:
        index = waiting.pop()
        found.append(index)
        below = children[index]
        if len(below) > 1:
            below.sort(key=lambda child: by(rows[child]))
        waiting += reversed(below)
    return found


def _by(facts: RowFacts, key: SortKey, descending: bool) -> Callable[[Row], tuple[object, ...]]:
    sign = -1 if descending else 1
    if key == "order":
        return lambda row: (sign * row.index,)
    if key == "name":
        # Text has no sign: which of two names is greater is found once for all rows.
        ranks = _ranks(facts.table.rows)
        return lambda row: (sign * ranks[row.name or row.type],)
    of = QUANTITIES[key].of

    def by(row: Row) -> tuple[object, ...]:
        number = of(facts, row)
        return (number is None, 0 if number is None else sign * number)

    return by


def _ranks(rows: Sequence[Row]) -> dict[str, int]:
    names = sorted({row.name or row.type for row in rows}, key=natural_key)
    return {name: rank for rank, name in enumerate(names)}

"""The calls of a pass at the rows of a table that came from another one.

In train mode a model may call other functions than in eval mode, and at another batch size other modules.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from inspector.core.table import Row
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calls import CallRecord

T = TypeVar("T")


class PassRows:
    """Where a table shows the calls of a pass; `static` are the model's rows before any pass."""

    def __init__(self, static: list[Row], table: list[Row], root: CallRecord | None) -> None:
        self._rows, self._calls = rows_with_calls(static, root)
        self._in_table = paired(self._rows, table)
        self._size = len(table)

    def told(self, fact: Callable[[CallRecord], T | None]) -> list[T | None]:
        """For each row of the table, a fact of its call; None where there is none."""
        return self._spread([fact(call) if call is not None else None for call in self._calls])

    def summed(self, own: Callable[[CallRecord], int]) -> list[int | None]:
        """For each row of the table, the amounts of its call and of all below it."""
        sums: list[int | None] = [own(call) if call is not None else None for call in self._calls]
        for row in reversed(self._rows):
            amount = sums[row.index]
            if row.parent is not None and amount is not None:
                sums[row.parent] = (sums[row.parent] or 0) + amount
        return self._spread(sums)

    def row_of(self, call: CallRecord) -> int | None:
        """The table's row of a call, or of the nearest around it that has one."""
        at = next((index for index, one in enumerate(self._calls) if one is call), None)
        while at is not None and at not in self._in_table:
            at = self._rows[at].parent
        return None if at is None else self._in_table[at]

    def _spread(self, facts: list[T | None]) -> list[T | None]:
        found: list[T | None] = [None] * self._size
        for index, place in self._in_table.items():
            found[place] = facts[index]
        return found


def paired(rows: list[Row], table: list[Row]) -> dict[int, int]:
    """For rows of a pass the index of the same row in a table.

    Below two rows that are the same, all are paired where they are alike from first to last; else only the modules,
    which have names of their own.
    """
    below, below_in_table = _children(rows), _children(table)
    found: dict[int, int] = {}
    waiting = [(0, 0)] if rows and table else []
    while waiting:
        index, place = waiting.pop()
        found[index] = place
        ones, others = below[index], below_in_table[place]
        if [_likeness(one) for one in ones] != [_likeness(other) for other in others]:
            named = {(other.path, other.call): other for other in others if other.kind == "module"}
            ones = [one for one in ones if one.kind == "module" and (one.path, one.call) in named]
            others = [named[one.path, one.call] for one in ones]
        waiting += [(one.index, other.index) for one, other in zip(ones, others, strict=True)]
    return found


def _likeness(row: Row) -> tuple[str, str, str]:
    return row.kind, row.path, row.type


def _children(rows: list[Row]) -> dict[int, list[Row]]:
    children: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.parent is not None:
            children[row.parent].append(row)
    return children

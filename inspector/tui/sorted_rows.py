"""A list whose rows stand in their own order, or sorted by one of its columns."""

from collections.abc import Sequence
from typing import Any

from inspector.tui.row_view import RowView


class SortedRows(RowView):
    """Rows that a click on a column's title sorts: one way, the other, and then as they were."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._key = ""
        self._in_order: Sequence[int] = ()

    def own_order(self) -> Sequence[int]:
        """The rows as they stand unsorted."""
        raise NotImplementedError

    def sort_value(self, key: str, row: int) -> Any:
        """What a row is sorted by; None puts it at the end."""
        raise NotImplementedError

    def lay(self, at: int | None) -> None:
        """Draw the rows in the order chosen, the cursor on row `at`."""
        self._in_order = self.own_order()
        if self._key:
            self._in_order = self._sorted(self._in_order)
        self.rebuild(next((line for line, row in enumerate(self._in_order) if row == at), 0))

    def _sorted(self, rows: Sequence[int]) -> list[int]:
        values = {row: self.sort_value(self._key, row) for row in rows}
        known = [row for row in rows if values[row] is not None]
        known.sort(key=values.__getitem__, reverse=self.descending)
        return known + [row for row in rows if values[row] is None]

    def lines(self) -> Sequence[int]:
        """The rows in the order chosen."""
        return self._in_order

    @property
    def sorted_by(self) -> str:
        """The column they are sorted by, "" for none."""
        return self._key

    def sort_by(self, key: str) -> bool:
        """By a column: one way, the other, then as they were; numbers begin with the largest."""
        largest_first = key != "name"
        if key != self._key:
            self._key, self.descending = key, largest_first
        elif self.descending == largest_first:
            self.descending = not largest_first
        else:
            self._key = ""
        self.lay(self.row_at)
        return True

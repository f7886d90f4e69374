"""Which rows the tree shows and in which order: a filter and a sort key, worked out beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector.core.filter_terms import QUANTITIES
from inspector.core.row_facts import RowFacts
from inspector.core.row_filters import RowFilter, kept_rows
from inspector.core.row_order import SORT_KEYS, Arrangement, SortKey, sorted_rows
from inspector.core.table import Row

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

OWN_COLUMNS = ("order", "name", "params", "flops")
"""Keys of which the tree has a column in any case."""
AT_ONCE = 2000
"""Rows looked at before it is asked whether a newer filter has taken this one's place."""


@dataclass(frozen=True)
class _Wanted:
    """What a thread works out, as it was chosen when that began."""

    number: int
    """Of the arrangement: one that is no longer the last is given up."""
    filter: RowFilter | None
    key: SortKey
    descending: bool
    functions: bool


class Arranging:
    """The filter and the order that the user chose, kept while tables come and go."""

    def __init__(self, app: NNInspectApp) -> None:
        self._app = app
        self.filter: RowFilter | None = None
        self.key: SortKey = "order"
        self.descending = False
        self._then: Callable[[], object] | None = None
        self._number = 0
        """Of the last arrangement begun: what is finished later than a newer one is not shown."""

    @property
    def is_on(self) -> bool:
        """Whether the rows are other ones than the table's, or in another order."""
        return self.filter is not None or self.key != "order" or self.descending

    def show_only(self, filter: RowFilter | None) -> None:
        """Show the rows that a filter finds; all of them with None."""
        self.filter = filter
        self.again()

    def sort_by(self, key: SortKey) -> None:
        """Sort the children of every row by a key; by the same once more the other way round."""
        self.descending = not self.descending if key == self.key else key not in ("order", "name")
        self.key = key
        self.again()
        self._tell_order()

    def next_key(self) -> None:
        """Sort by the key after this one."""
        self.sort_by(SORT_KEYS[(SORT_KEYS.index(self.key) + 1) % len(SORT_KEYS)])

    def turn_round(self) -> None:
        """The same key, the other way round."""
        self.sort_by(self.key)

    def when_done(self, then: Callable[[], object]) -> None:
        """Do something once the rows are shown as they are to be."""
        self._then = then

    def facts(self) -> RowFacts | None:
        """What is known of the rows now."""
        app = self._app
        if app.table is None:
            return None
        report = app.report if not app.report_is_old else None
        findings = app.check.findings if app.check is not None and not app.check_is_old else None
        return RowFacts(app.table, report, findings)

    def again(self) -> None:
        """Arrange the rows of the table on show."""
        self._number += 1
        facts = self.facts()
        if facts is not None:
            functions = self._app.module_tree.show_functions
            wanted = _Wanted(self._number, self.filter, self.key, self.descending, functions)
            self._app.conversation.spawn(self._arrange(facts, wanted))

    async def _arrange(self, facts: RowFacts, wanted: _Wanted) -> None:
        arrangement = await asyncio.to_thread(self._worked_out, facts, wanted)
        if wanted.number == self._number and self._app.table is facts.table:
            self._app.module_tree.show_as(arrangement)
            found = None if arrangement.matching is None else len(arrangement.matching)
            self._app.filter_bar.show_count(found, len(facts.table.rows), self._unanswered(facts))
            then, self._then = self._then, None
            if then is not None:
                then()

    def _worked_out(self, facts: RowFacts, wanted: _Wanted) -> Arrangement:
        key, descending, rows = wanted.key, wanted.descending, facts.table.rows
        in_order = key == "order" and not descending
        matching = list(self._matching(facts, wanted, wanted.filter)) if wanted.filter is not None else None
        return Arrangement(
            matching=matching,
            kept=b"" if matching is None else kept_rows(rows, matching),
            order=None if in_order else sorted_rows(facts, key, descending),
            key=key,
            descending=descending,
            figure=None if key in OWN_COLUMNS or not rows else lambda row: QUANTITIES[key].of(facts, row),
        )

    def _matching(self, facts: RowFacts, wanted: _Wanted, filter: RowFilter) -> Iterator[int]:
        rows: list[Row] = facts.table.rows
        if not wanted.functions:
            rows = [row for row in rows if row.kind != "function"]
        for start in range(0, len(rows), AT_ONCE):
            if wanted.number != self._number:
                return
            yield from filter.matches(facts, rows[start : start + AT_ONCE])

    def _unanswered(self, facts: RowFacts) -> str:
        return self.filter.unanswered(facts) if self.filter is not None else ""

    def _tell_order(self) -> None:
        how = "the largest first" if self.descending else "the smallest first"
        if self.key in ("order", "name"):
            how = "backwards" if self.descending else "forwards"
        self._app.say(f"rows are sorted by {self.key}, {how}; < turns it round")

"""Tensors of A on the left, those of B aligned to them on the right, and how much they differ."""

from collections.abc import Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.differences import Aligned, State, by_change
from inspector.tui.cells import Cell, Column
from inspector.tui.comparing import Difference
from inspector.tui.row_view import RowView

STATES: dict[State, tuple[str, str, str]] = {
    "shape": ("≠", "error", "shape differs"),
    "changed": ("~", "warning", "changed"),
    "only_a": ("<", "mark", "only in A"),
    "only_b": (">", "good", "only in B"),
    "not_compared": ("?", "muted", "not compared"),
    "renamed": ("→", "kind", "renamed"),
    "same": ("=", "", "same"),
}
"""Mark, style and words of each state, in the order in which they are shown."""
MEASURED = 2000
"""Rows looked at for the columns' widths."""
LONGEST_NUMBER = 10
"""Cells of ``1.234e-05``."""


class DifferenceList(RowView):
    """All rows of a comparison, or those in one state."""

    def __init__(self, difference: Difference, *, id: str) -> None:
        super().__init__(id=id)
        self._difference = difference
        self._rows = difference.report.rows
        self._lines: list[int] = []
        self._measured = _measure(self._rows[:MEASURED])

    def show(self, line: int = 0) -> None:
        """Sort and filter anew, the cursor on `line`."""
        kept = self._difference.state
        self._lines = [at for at, row in enumerate(self._rows) if kept is None or row.state == kept]
        if self._difference.sorted_by_change:
            order = list(STATES)
            self._lines.sort(key=lambda at: (order.index(self._rows[at].state), by_change(self._rows[at])))
        self.rebuild(line)

    @property
    def current(self) -> Aligned | None:
        """The row under the cursor."""
        at = self.row_at
        return None if at is None else self._rows[at]

    def lines(self) -> Sequence[int]:
        """The rows on show."""
        return self._lines

    def columns(self) -> Sequence[Column]:
        """Mark, both sides, and the figures; where it is narrow the keys and the relative change stay."""
        return self._measured

    def row_style(self, row: int) -> str:
        """By state; what is the same keeps the styles of its cells."""
        return STATES[self._rows[row].state][1]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One row's cells; on the right a key that is the same on both sides is paler."""
        one = self._rows[row]
        same_key = one.keys_a == one.keys_b
        return [
            [(f"{STATES[one.state][0]}{'?' if one.ambiguous else ''}", "muted")],
            [(joined(one.keys_a), "name")],
            [(_shape(one.shape_a), "")],
            [(one.dtype_a, "muted")],
            [(joined(one.keys_b), "muted" if same_key else "name")],
            [(_shape(one.shape_b), "")],
            [(one.dtype_b, "muted")],
            *([(figure, "number")] for figure in _figures(one)),
        ]


def joined(keys: Sequence[str]) -> str:
    """The keys of one side; several are one tensor on the other."""
    return " + ".join(keys)


def _shape(sizes: Sequence[int] | None) -> str:
    return "" if sizes is None else wording.shape(sizes)


def _figures(row: Aligned) -> list[str]:
    """Largest, relative and cosine difference; empty where values were not compared, unknown where they have none."""
    if row.equal is None:
        return ["", "", ""]
    return [wording.number(value) for value in (row.max_abs, row.relative, row.cosine)]


def _measure(rows: Sequence[Aligned]) -> list[Column]:
    def longest(texts: list[str], least: int, most: int) -> int:
        return max(least, min(most, max((cell_len(text[: 4 * most]) for text in texts), default=0)))

    keys = [longest([joined(keys) for keys in side], 12, 60) for side in
            ([row.keys_a for row in rows], [row.keys_b for row in rows])]  # fmt: skip
    shapes = [longest([_shape(sizes) for sizes in side], 5, 16) for side in
              ([row.shape_a for row in rows], [row.shape_b for row in rows])]  # fmt: skip
    dtypes = [longest(side, 5, 10) for side in ([row.dtype_a for row in rows], [row.dtype_b for row in rows])]
    figures = (("max |Δ|", 2), ("relative", 1), ("1 − cosine", 4))
    return [
        Column(title="", width=2, least=2),
        Column(title="A", width=keys[0], least=12, share=1, middle=True),
        Column(title="shape", width=shapes[0], least=shapes[0], priority=3),
        Column(title="dtype", width=dtypes[0], least=dtypes[0], priority=5),
        Column(title="B", width=keys[1], least=12, share=1, middle=True),
        Column(title="shape", width=shapes[1], least=shapes[1], priority=3),
        Column(title="dtype", width=dtypes[1], least=dtypes[1], priority=5),
        *(
            Column(title=title, width=LONGEST_NUMBER, least=LONGEST_NUMBER, priority=priority, right=True)
            for title, priority in figures
        ),
    ]

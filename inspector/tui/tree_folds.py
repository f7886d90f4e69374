"""Which lines of the module tree are on show: what is folded, by modules and by blocks that repeat.

A line is a row of the table by its number, or, from the number of rows on, one that stands for a run of blocks.
"""

from collections.abc import Sequence

from inspector.core.repeated_blocks import Run
from inspector.core.table import Row

SHOWN_AT_FIRST = 1000
"""Larger models open folded, as deep as leaves at most so many rows on show."""
Identity = tuple[str, str, int, str]


class TreeFolds:
    """The lines of one table, and which of them hide what is below."""

    def __init__(
        self, rows: Sequence[Row], runs: Sequence[Run], show_functions: bool, like: "TreeFolds | None"
    ) -> None:
        self.rows, self.runs = rows, runs
        self.show_functions = show_functions
        self.run_of: dict[int, int] = {}
        """Lines of runs by the rows that they stand for."""
        for line, run in enumerate(runs, len(rows)):
            self.run_of.update(dict.fromkeys(run.alike, line))
        self.deeper = self._levels_added() if runs else bytearray(len(rows))
        """Levels by which rows stand deeper than in the table: as many as runs are around them."""
        self._folded = bytearray(len(rows) + len(runs))
        self._has_module_below = bytearray(len(rows))
        for row in rows:
            if row.parent is not None and row.kind != "function":
                self._has_module_below[row.parent] = 1
        self._start(like)
        self.lines: list[int] = []
        self.lay()

    def _start(self, like: "TreeFolds | None") -> None:
        """Fold what was folded in the lines before; else runs, and what is deep in a large model."""
        if like is None:
            self._folded[: len(self.rows)] = first_folds(self.rows)
        else:
            was_folded = {identity(row) for row in like.rows if like._folded[row.index]}
            for row in self.rows:
                self._folded[row.index] = row.subtree > 1 and identity(row) in was_folded
        were_open = {like._run_identity(line) for line in like.run_lines() if not like._folded[line]} if like else ()
        for line in self.run_lines():
            self._folded[line] = self._run_identity(line) not in were_open

    def run_lines(self) -> range:
        """The lines that stand for runs."""
        return range(len(self.rows), len(self.rows) + len(self.runs))

    def run_at(self, line: int) -> Run | None:
        """The run that a line stands for."""
        return self.runs[line - len(self.rows)] if line >= len(self.rows) else None

    def row_at(self, line: int) -> Row:
        """The row of a line; the first one of a run."""
        run = self.run_at(line)
        return self.rows[run.alike[0] if run else line]

    def depth(self, line: int) -> int:
        """How deep a line stands."""
        row = self.row_at(line)
        return row.depth + self.deeper[row.index] - (line >= len(self.rows))

    def above(self, line: int) -> int | None:
        """The line that a line is folded by: the run that a row belongs to, else the row that holds it."""
        run = self.run_at(line)
        if run is not None:
            return run.parent
        return self.run_of.get(line, self.rows[line].parent)

    def folds(self, line: int) -> bool:
        """Whether something is on show below a line that is not folded."""
        if line >= len(self.rows):
            return True
        return self.rows[line].subtree > 1 if self.show_functions else bool(self._has_module_below[line])

    def folded(self, line: int) -> bool:
        """Whether a line hides what is below it."""
        return bool(self._folded[line])

    def fold(self, line: int, folded: bool) -> None:
        """Hide or show what is below a line; `lay` the lines anew then."""
        self._folded[line] = folded

    def fold_all(self, line: int, folded: bool) -> None:
        """The same for every line at or below one."""
        run = self.run_at(line)
        for at in run.alike if run else (line,):
            end = at + self.rows[at].subtree
            for row in self.rows[at:end]:
                self._folded[row.index] = folded and row.subtree > 1
            for inner, one in zip(self.run_lines(), self.runs, strict=True):
                if at <= one.parent < end:
                    self._folded[inner] = folded
        if run:
            self._folded[line] = folded

    def reveal(self, line: int) -> bool:
        """Unfold whatever hides a line; False where nothing did."""
        hidden = False
        above = self.above(line)
        while above is not None:
            hidden = hidden or bool(self._folded[above])
            self._folded[above] = 0
            above = self.above(above)
        return hidden

    def on_show(self, line: int) -> int:
        """The line itself, or where it is hidden the one that hides it."""
        shown, above = line, self.above(line)
        while above is not None:
            if self._folded[above] or self._is_hidden_function(shown):
                shown = above
            above = self.above(above)
        return shown

    def _is_hidden_function(self, line: int) -> bool:
        return not self.show_functions and line < len(self.rows) and self.rows[line].kind == "function"

    def lay(self) -> None:
        """Work out the lines on show."""
        rows, folded, functions, run_of = self.rows, self._folded, self.show_functions, self.run_of
        first_of = {run.alike[0]: line for line, run in zip(self.run_lines(), self.runs, strict=True)}
        lines, index, total = [], 0, len(rows)
        while index < total:
            row = rows[index]
            run = run_of.get(index) if run_of else None
            if run is not None and index in first_of:
                lines.append(run)
            if (run is not None and folded[run]) or (row.kind == "function" and not functions):
                index += row.subtree
            else:
                lines.append(index)
                index += row.subtree if folded[index] else 1
        self.lines = lines

    def _levels_added(self) -> bytearray:
        added = bytearray(len(self.rows))
        for row in self.rows:
            around = 0 if row.parent is None else added[row.parent]
            added[row.index] = min(255, around + (row.index in self.run_of))
        return added

    def _run_identity(self, line: int) -> Identity:
        return identity(self.row_at(line))


def first_folds(rows: Sequence[Row]) -> bytearray:
    """Which rows of a model are folded when it opens: none of a small one, the deep ones of a large one."""
    folded = bytearray(len(rows))
    if len(rows) <= SHOWN_AT_FIRST:
        return folded
    at_depth: dict[int, int] = {}
    for row in rows:
        at_depth[row.depth] = at_depth.get(row.depth, 0) + 1
    shown, deepest = 0, 1
    for depth in sorted(at_depth):
        shown += at_depth[depth]
        if shown > SHOWN_AT_FIRST:
            break
        deepest = max(deepest, depth)
    for row in rows:
        folded[row.index] = row.subtree > 1 and row.depth >= deepest
    return folded


def identity(row: Row) -> Identity:
    """What tells a row from all others, also in another table of the same model."""
    return row.kind, row.path, row.call, row.type if row.kind == "function" else ""

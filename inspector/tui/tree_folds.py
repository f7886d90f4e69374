"""Which lines of the module tree are on show: what is folded, by modules and by blocks that repeat.

A line is a row of the table by its number, or, from the number of rows on, one that stands for a run of blocks.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from inspector.core.repeated_blocks import Run
from inspector.core.table import Row
from inspector.core.workspace import RowPlace, place_of

SHOWN_AT_FIRST = 1000
"""Larger models open folded, as deep as leaves at most so many rows on show."""


@dataclass(frozen=True, kw_only=True)
class Folded:
    """What is folded, by rows that another table of the same model has as well."""

    rows: frozenset[RowPlace]
    open_runs: frozenset[RowPlace]
    """The first rows of runs that are unfolded."""


class Outline:
    """What folding has to know of the rows of a table; of a large one it takes longer than a frame to find out."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.functions = bytes(row.kind == "function" for row in rows)
        self.branches = [row.index for row in rows if row.subtree > 1]
        """Rows with others below them."""
        has_module_below = bytearray(len(rows))
        for row in rows:
            if row.parent is not None and row.kind != "function":
                has_module_below[row.parent] = 1
        self.has_module_below = bytes(has_module_below)
        self.folded_at_first = bytes(first_folds(rows))


class TreeFolds:
    """The lines of one table, and which of them hide what is below."""

    def __init__(
        self,
        outline: Outline,
        runs: Sequence[Run],
        show_functions: bool,
        like: Folded | None,
    ) -> None:
        self.rows, self.runs = outline.rows, runs
        self._outline = outline
        self.show_functions = show_functions
        self.order: Sequence[int] | None = None
        """A preorder of the rows in which they are shown; None for their own."""
        self._left_out = bytes(len(self.rows))
        self.run_of: dict[int, int] = {}
        """Lines of runs by the rows that they stand for."""
        for line, run in enumerate(runs, len(self.rows)):
            self.run_of.update(dict.fromkeys(run.alike, line))
        self._folded = bytearray(len(self.rows) + len(runs))
        self._run_members = bytearray(len(self.rows))
        for index in self.run_of:
            self._run_members[index] = 1
        self._start(like)
        self._lines: list[int] | None = None

    def filtered(self, kept: bytes) -> "TreeFolds":
        """The same rows, unfolded and without runs, of which only those are shown that `kept` marks by 1.

        What holds a row that is kept has to be kept too.
        """
        made = copy(self)
        made.runs, made.run_of = [], {}
        made._run_members, made._folded = bytearray(len(self.rows)), bytearray(len(self.rows))
        made._left_out = kept.translate(_SWAPPED)
        made._lines = None
        return made

    def _start(self, like: Folded | None) -> None:
        """Fold what was folded in the lines before; else runs, and what is deep in a large model."""
        if like is None:
            self._folded[: len(self.rows)] = self._outline.folded_at_first
        elif like.rows:
            for index in self._outline.branches:
                self._folded[index] = place_of(self.rows[index]) in like.rows
        for line in self.run_lines():
            self._folded[line] = like is None or place_of(self.row_at(line)) not in like.open_runs

    @property
    def state(self) -> Folded:
        """What is folded now."""
        return Folded(
            rows=frozenset(place_of(self.rows[index]) for index in self._outline.branches if self._folded[index]),
            open_runs=frozenset(place_of(self.row_at(line)) for line in self.run_lines() if not self._folded[line]),
        )

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
        """How deep a line stands: deeper than its row by as many as runs are around it."""
        depth, above = 0, self.above(line)
        while above is not None:
            depth, above = depth + 1, self.above(above)
        return depth

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
        return self.rows[line].subtree > 1 if self.show_functions else bool(self._outline.has_module_below[line])

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
            if self._folded[above] or self.is_left_out(shown):
                shown = above
            above = self.above(above)
        return shown

    def is_left_out(self, line: int) -> bool:
        """Whether no fold but a filter hides a line, or that functions are hidden."""
        if line >= len(self.rows):
            return False
        return bool(self._left_out[line]) or (not self.show_functions and bool(self._outline.functions[line]))

    def sibling(self, line: int, by: int) -> int | None:
        """The next line (`by` 1) or the one before (-1) that stands as deep below the same line; None at the ends."""
        above, at = self.above(line), self.lines.index(line) + by
        while 0 <= at < len(self.lines) and self.lines[at] != above:
            if self.above(self.lines[at]) == above:
                return self.lines[at]
            at += by
        return None

    def fold_to(self, depth: int) -> None:
        """Show the lines down to a depth, and none below."""
        for row in self.rows:
            self._folded[row.index] = row.subtree > 1 and row.depth >= depth
        for line in self.run_lines():
            self._folded[line] = self.depth(line) >= depth

    @property
    def lines(self) -> list[int]:
        """The lines on show, from the top."""
        if self._lines is None:
            self._lines = self._laid()
        return self._lines

    def lay(self) -> None:
        """Work out the lines on show anew."""
        self._lines = self._laid()

    def _laid(self) -> list[int]:
        rows, folded, run_of = self.rows, self._folded, self.run_of
        order = range(len(rows)) if self.order is None else self.order
        left_out = self._left_out if self.show_functions else _either(self._left_out, self._outline.functions)
        # Between rows that stand out all are on show: of a large tree most are not looked at one by one.
        special = _either(left_out, self._run_members, folded[: len(rows)])
        standing_out, leaving_out = special, left_out
        if self.order is not None:
            standing_out, leaving_out = (bytes(map(marks.__getitem__, order)) for marks in (special, left_out))
        lines: list[int] = []
        told: set[int] = set()
        at, total = 0, len(rows)
        while at < total:
            following = standing_out.find(1, at)
            if following < 0:
                following = total
            lines += order[at:following]
            if following == total:
                break
            index = order[following]
            run = run_of.get(index)
            if run is not None and run not in told:
                told.add(run)
                lines.append(run)
            if left_out[index]:
                # None of those that follow is below a row on show before the next that is kept.
                at = following + rows[index].subtree
                at = leaving_out.find(0, at) if at < total and leaving_out[at] else at
                at = total if at < 0 else at
            elif run is not None and folded[run]:
                at = following + rows[index].subtree
            else:
                lines.append(index)
                at = following + (rows[index].subtree if folded[index] else 1)
        return lines


_SWAPPED = bytes([1, 0]) + bytes(254)
"""Kept is not left out."""


def _either(*marks: bytes | bytearray) -> bytes:
    """Where any of the marks is, each 0 or 1."""
    together = 0
    for one in marks:
        together |= int.from_bytes(one, "big")
    return together.to_bytes(len(marks[0]), "big")


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

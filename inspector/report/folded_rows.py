"""The rows of a table as they are printed: blocks that repeat once, what differs from them marked."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from inspector.core.repeated_blocks import Run, differing, runs_of
from inspector.core.table import ModelTable, Row


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """A row, or what stands above the first of several."""

    row: Row
    depth: int
    stands_for: Run | None = None
    """Its blocks; the row is then the first of them."""
    differs: str = ""
    """How it differs from blocks that are else alike."""


def every_row(table: ModelTable) -> Iterator[PrintedRow]:
    """All of them as they are."""
    return (PrintedRow(row, row.depth) for row in table.rows)


def folded_rows(table: ModelTable, printed: Callable[[Row], Hashable]) -> Iterator[PrintedRow]:
    """Rows of which those that are alike, also in what is `printed` of each, are there once below a line for all."""
    runs = runs_of(table, printed)
    starting = {run.alike[0]: run for run in runs}
    repeats = {index for run in runs for index in run.alike[1:]}
    unlike = differing(runs)
    index, ends = 0, [len(table.rows)]
    while index < len(table.rows):
        row = table.rows[index]
        if index in repeats:
            index += row.subtree
            continue
        while index >= ends[-1]:
            ends.pop()
        if index in starting:
            yield PrintedRow(row, row.depth + len(ends) - 1, starting[index])
            ends.append(index + row.subtree)
        yield PrintedRow(row, row.depth + len(ends) - 1, differs=unlike[index][1] if index in unlike else "")
        index += 1

"""The rows of a table as they are printed: blocks that repeat once, what differs from them marked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inspector.core.block_differences import Facts
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
    repeats: tuple[int, ...] = ()
    """The rows in the same place of the other blocks that are alike."""


def every_row(table: ModelTable) -> Iterator[PrintedRow]:
    """All of them as they are."""
    return (PrintedRow(row, row.depth) for row in table.rows)


def folded_rows(table: ModelTable, also: Callable[[Row], Facts] | None) -> Iterator[PrintedRow]:
    """Rows of which those that are alike, also in what `also` tells, are there once below a line for all."""
    runs = runs_of(table, also)
    starting = {run.alike[0]: run for run in runs}
    repeats = {index for run in runs for index in run.alike[1:]}
    unlike = differing(runs)
    index, around = 0, [_Around(len(table.rows), (0,))]
    while index < len(table.rows):
        row = table.rows[index]
        if index in repeats:
            index += row.subtree
            continue
        while index >= around[-1].end:
            around.pop()
        if index in starting:
            run = starting[index]
            yield PrintedRow(row, row.depth + len(around) - 1, run)
            further = tuple(by + one - index for by in around[-1].offsets for one in run.alike)
            around.append(_Around(index + row.subtree, further))
        yield PrintedRow(
            row,
            row.depth + len(around) - 1,
            differs=unlike[index][1] if index in unlike else "",
            repeats=tuple(index + by for by in around[-1].offsets[1:]),
        )
        index += 1


@dataclass(frozen=True, slots=True)
class _Around:
    """The block that is printed, and how far behind it those stand that it is printed for."""

    end: int
    offsets: tuple[int, ...]

"""Blocks that repeat: children of one row whose names count up and whose subtrees are alike.

Alike are subtrees of the same names, types, hyperparameters, modes and output shapes whose tensors have the same names,
shapes, dtypes and devices; receptive fields, which grow from block to block, make no difference. From the leaves up
each subtree gets a number, the same for those that are alike, so that a table is gone through once however deep it is.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import groupby, pairwise

import msgspec

from inspector.core.block_differences import Facts, OwnTensors, difference, own_tensors
from inspector.core.collection import no_collection
from inspector.core.record import Record
from inspector.core.table import ModelTable, Row

LEAST = 3
"""Fewer that are alike are no repetition."""
ALIKE_TO_ONE = 3
"""For each member that differs so many have to be alike; else the list is not one block repeated."""
_DIGITS = "0123456789"
_LONGEST_NUMBER = 18


class Difference(Record, frozen=True, kw_only=True):
    """A member of a list of blocks that is not like the others."""

    path: str
    what: str
    """In words: ``mlp.w1.weight 4096×1024, elsewhere 4096×4096``."""


class RepeatedBlocks(Record, frozen=True, kw_only=True):
    """Blocks of one row that are alike, and those in the same list that differ from them."""

    path: str
    """Of the row that holds them."""
    first: str
    """The lowest and the highest name among those that are alike."""
    last: str
    count: int
    """How many are alike."""
    rows: int
    """Of each of them."""
    parameters: int | None
    """Of all that are alike together; so `bytes`, of parameters and buffers. None where blocks share tensors."""
    bytes: int | None
    differs: list[Difference] = []


class Run(msgspec.Struct, frozen=True):
    """The same with the rows of the table that it is about."""

    parent: int
    alike: tuple[int, ...]
    differing: tuple[int, ...]
    title: str
    """What stands for all that are alike: ``layers.0…31 ×32``, ``block1…4 ×4``."""
    blocks: RepeatedBlocks


def repeated_blocks(table: ModelTable) -> list[RepeatedBlocks]:
    """Every repetition that is not one within a block told already; the outer ones first."""
    runs = runs_of(table)
    repeats = {index for run in runs for index in run.alike[1:]}
    outermost, skipped_to = set(), 0
    for row in table.rows:
        if row.index >= skipped_to:
            if row.index in repeats:
                skipped_to = row.index + row.subtree
            else:
                outermost.add(row.index)
    return [run.blocks for run in runs if run.parent in outermost]


def runs_of(table: ModelTable, also: Callable[[Row], Facts] | None = None) -> list[Run]:
    """Every run of a table, by the rows that hold them; `also` tells what else of a row has to be the same."""
    rows = table.rows
    with no_collection():
        own = own_tensors(table)
        children = _children(rows)
        alike = _numbers(rows, children, own, also)
        return [
            _run(rows, own, also, parent, [stretch[at] for at in same], [stretch[at] for at in others])
            for parent, below in enumerate(children)
            for stretch in (_counting(rows, below) if len(below) >= LEAST else ())
            for same, others in _repeated([alike[index] for index in stretch], leaves=rows[stretch[0]].subtree == 1)
        ]


def differing(runs: Iterable[Run]) -> dict[int, tuple[Run, str]]:
    """By row, the run that it is not like, and how it differs."""
    return {row: (run, one.what) for run in runs for row, one in zip(run.differing, run.blocks.differs, strict=True)}


def _run(
    rows: Sequence[Row],
    own: OwnTensors,
    also: Callable[[Row], Facts] | None,
    parent: int,
    alike: list[int],
    differing: list[int],
) -> Run:
    """A run from its rows in the order of their numbers."""
    first, last, usual = rows[alike[0]].name, rows[alike[-1]].name, rows[min(alike)]
    holder = f"{rows[parent].name}." if first.isdigit() and rows[parent].parent is not None else ""
    alone = _share_nothing(rows, parent)
    differing.sort()
    blocks = RepeatedBlocks(
        path=rows[parent].path,
        first=first,
        last=last,
        count=len(alike),
        rows=usual.subtree,
        parameters=sum(rows[index].parameters for index in alike) if alone else None,
        bytes=sum(rows[index].bytes for index in alike) if alone else None,
        differs=[
            Difference(path=rows[index].path, what=difference(rows, own, rows[index], usual, also))
            for index in differing
        ],
    )
    title = f"{holder}{first}…{last[len(last.rstrip(_DIGITS)) :]} ×{len(alike)}"
    return Run(parent, tuple(sorted(alike)), tuple(differing), title, blocks)


def _children(rows: Sequence[Row]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in rows]
    for row in rows:
        if row.parent is not None:
            children[row.parent].append(row.index)
    return children


def _numbers(
    rows: Sequence[Row],
    children: Sequence[Sequence[int]],
    own: OwnTensors,
    also: Callable[[Row], Facts] | None,
) -> Sequence[int]:
    """A number for each row's subtree, whatever the row itself is called."""
    known: dict[Hashable, int] = {}
    numbers = [0] * len(rows)
    for row in reversed(rows):
        below = tuple([(rows[index].name, rows[index].call, numbers[index]) for index in children[row.index]])
        content = (
            row.kind, row.type, row.hyperparameters, row.reached, row.training, row.lazy, row.parameters, row.buffers,
            tuple(map(tuple, row.output_shapes)), row.dtype, row.device,
            () if row.kind == "function" else own.contents(row),
            below, tuple(also(row)) if also else None,
        )  # fmt: skip
        numbers[row.index] = known.setdefault(content, len(known))
    return numbers


def _counting(rows: Sequence[Row], below: Iterable[int]) -> Iterable[list[int]]:
    """Modules whose names end in numbers that follow each other, what stands before the number being the same."""
    series: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for index in below:
        row = rows[index]
        before = row.name.rstrip(_DIGITS)
        digits = row.name[len(before) :]
        if row.kind == "module" and 0 < len(digits) <= _LONGEST_NUMBER:
            series.setdefault((before, row.call), []).append((int(digits), index))
    for numbered in series.values():
        numbered.sort()
        stretch: list[int] = []
        for place, (number, index) in enumerate(numbered):
            if place and number != numbered[place - 1][0] + 1:
                yield stretch
                stretch = []
            stretch.append(index)
        yield stretch


def _repeated(numbers: Sequence[int], leaves: bool) -> Iterable[tuple[list[int], list[int]]]:
    """Which places of a list repeat one number, and which of them stand out.

    Where no number is that of nearly all, those that stand in a row are told; but of `leaves` a few that happen to be
    alike, as in an optimizer's state, are no block.
    """
    solid = [(start, end) for start, end in _stretches(numbers) if end - start >= LEAST]
    for start, end in _parts(numbers, solid):
        (number, count), *_ = Counter(numbers[start:end]).most_common(1)
        if count >= LEAST and count >= ALIKE_TO_ONE * (end - start - count):
            places = range(start, end)
            yield [at for at in places if numbers[at] == number], [at for at in places if numbers[at] != number]
        elif not leaves:
            yield from (([*range(*one)], []) for one in solid if start <= one[0] < end)


def _stretches(numbers: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Where the same number stands several times in a row."""
    at = 0
    for _, same in groupby(numbers):
        length = sum(1 for _ in same)
        yield at, at + length
        at += length


def _parts(numbers: Sequence[int], solid: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The list cut between stretches of different numbers; what lies between two such is in no part."""
    start = 0
    for (_, end), (following, _) in pairwise(solid):
        if numbers[end - 1] != numbers[following]:
            yield start, end
            start = following
    yield start, len(numbers)


def _share_nothing(rows: Sequence[Row], parent: int) -> bool:
    """Whether the sums of a row's children are its own, and so no two of them hold the same tensor."""
    whole = rows[parent]
    parameters, buffers, state, index = whole.own_parameters, 0, 0, parent + 1
    while index < parent + whole.subtree:
        child = rows[index]
        if not child.call and child.kind != "function":
            parameters, buffers = parameters + child.parameters, buffers + child.buffers
            state += child.state_bytes
        index += child.subtree
    return parameters == whole.parameters and buffers <= whole.buffers and state <= whole.state_bytes

"""Two real passes of one model, row by row: before and after a change, on the same input."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.record import Record
from inspector.core.results import ForwardReport, RowRun
from inspector.core.scales import absmax, rms
from inspector.core.table import Row
from inspector.core.wording import number, percent, printable

FLOATS = ("bfloat16", "float16", "float32", "float64")
MOST_MARKED = 5
LEAST_MARKED = math.log2(1.05)
"""Doublings below which a row has not changed enough to be marked."""


class OtherState(Record, frozen=True, kw_only=True):
    """What a model is put into for the second pass."""

    kind: Literal["mode", "dtype", "init", "file"]
    argument: str
    """The mode, the dtype, or the file; "init" for layers as they are made."""


class RunComparisonSettings(Record, frozen=True, kw_only=True):
    """Two passes on the same input: as the model is, and put into another state."""

    other: OtherState
    run: ForwardSettings = ForwardSettings()


class RunComparison(Record, frozen=True, kw_only=True):
    """What both passes did."""

    before: ForwardReport
    after: ForwardReport
    told: str
    """What was different in the second, as one sentence."""


class ComparedQuantity(Record, frozen=True, kw_only=True):
    """One number of a row in both passes; None where it was not measured."""

    name: str
    before: float | None
    after: float | None
    ratio: float | None = None
    """after / before; None where that is no number."""


class ComparedRun(Record, frozen=True, kw_only=True):
    """A row in both passes."""

    path: str
    call: int
    type: str
    row: int | None
    """Its index in the table of the pass before; None where it was not there."""
    after_row: int | None
    quantities: list[ComparedQuantity] = []
    change: float | None = None
    """In doublings, of the quantity that changed most: |log₂(after / before)|, of zeros that of the share of the
    others. None where one of both is 0 or not finite, or there are no two."""
    why: str = ""
    """Why there is no such number: "all zero after", "not finite after", "only before"."""
    is_leaf: bool = True
    """No row is inside of it."""

    @property
    def rank(self) -> float:
        """By how much it changed, what cannot be written as a ratio before all others."""
        if self.row is None or self.after_row is None:
            return -1.0
        return math.inf if self.why else self.change or 0.0

    def quantity(self, name: str) -> ComparedQuantity | None:
        """The quantity of a name."""
        return next((one for one in self.quantities if one.name == name), None)


def parse_other_state(text: str) -> OtherState:
    """Read what follows ``--compare``: a word, or else a file. Raises RequestError where there is nothing."""
    if text in ("train", "eval"):
        return OtherState(kind="mode", argument=text)
    if text in FLOATS:
        return OtherState(kind="dtype", argument=text)
    if text == "init":
        return OtherState(kind="init", argument=text)
    if not text.strip():
        raise RequestError(f"--compare is empty; write train, eval, init, {', '.join(FLOATS)} or a file of weights")
    return OtherState(kind="file", argument=text)


def compared_runs(before: ForwardReport, after: ForwardReport) -> list[ComparedRun]:
    """The rows that ran in either pass, what changed most first; rows that are in one of them alone last."""
    there = {_identity(row): row for row in after.table.rows}
    here = {_identity(row) for row in before.table.rows}
    pairs: list[tuple[Row | None, Row | None]] = [(row, there.get(_identity(row))) for row in before.table.rows]
    pairs += [(None, row) for row in after.table.rows if _identity(row) not in here]
    made = [_compared(before, after, *pair) for pair in pairs]
    return sorted((one for one in made if one is not None), key=lambda one: -one.rank)


def changed_most(rows: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Of compared rows those to be marked: the first few without others inside, where the change is seen at all."""
    return [one for one in rows if one.is_leaf and one.rank > LEAST_MARKED][:MOST_MARKED]


def change_text(one: ComparedRun) -> str:
    """By how much a row changed: ``rms ×1.9`` of what changed most, or why that is no number; "" for not at all."""
    if one.why or not one.change:
        return one.why
    ratios = [(size, quantity) for quantity in one.quantities if (size := _doublings(quantity)) is not None]
    _, most = max(ratios, key=lambda pair: pair[0])
    if most.name == "zeros":
        return f"zeros {percent(most.before)} → {percent(most.after)}"
    return f"{most.name} ×{number(most.ratio)}"


def compared_name(one: ComparedRun) -> str:
    """The row as it is called."""
    call = f", call {one.call + 1}" if one.call else ""
    return f"{printable(one.path) or 'the model'} ({printable(one.type)}){call}"


def _identity(row: Row) -> tuple[str, str, str, int]:
    return row.kind, row.path, row.type, row.call


def _compared(before: ForwardReport, after: ForwardReport, a: Row | None, b: Row | None) -> ComparedRun | None:
    run_a = before.runs[a.index] if a is not None else RowRun()
    run_b = after.runs[b.index] if b is not None else RowRun()
    ran_a, ran_b = _ran(run_a), _ran(run_b)
    row = a or b
    if row is None or not (ran_a or ran_b):
        return None
    measured = [_quantity(name, measure(run_a, a), measure(run_b, b)) for name, measure in _QUANTITIES.items()]
    quantities = [one for one in measured if one.before is not None or one.after is not None]
    why = _why(run_a, run_b, quantities) if ran_a and ran_b else f"only {'before' if ran_a else 'after'}"
    sizes = [size for one in quantities if (size := _doublings(one)) is not None]
    return ComparedRun(
        path=row.path,
        call=row.call,
        type=row.type,
        row=a.index if a is not None and ran_a else None,
        after_row=b.index if b is not None and ran_b else None,
        quantities=quantities,
        change=max(sizes, default=None) if not why else None,
        why=why,
        is_leaf=row.subtree == 1,
    )


def _quantity(name: str, before: float | None, after: float | None) -> ComparedQuantity:
    ratio = after / before if before and after is not None and math.isfinite(before) else None
    return ComparedQuantity(name=name, before=before, after=after, ratio=ratio)


def _ran(run: RowRun) -> bool:
    return run.statistics is not None or run.seconds is not None


def _why(before: RowRun, after: RowRun, quantities: Sequence[ComparedQuantity]) -> str:
    """What a ratio cannot say."""
    bad = [run.statistics is not None and bool(run.statistics.nan or run.statistics.inf) for run in (before, after)]
    if bad[0] != bad[1]:
        return f"not finite {'before' if bad[0] else 'after'}"
    for one in quantities:
        if one.name == "zeros" or one.before is None or one.after is None:
            continue
        if (one.before == 0) != (one.after == 0):
            what = "gradient 0" if one.name == "gradient" else "all zero"
            return f"{what} {'before' if one.before == 0 else 'after'}"
    return ""


def _doublings(one: ComparedQuantity) -> float | None:
    if one.before is None or one.after is None:
        return None
    pair = (1 - one.before, 1 - one.after) if one.name == "zeros" else (one.before, one.after)
    if not all(map(math.isfinite, pair)):
        return None
    if pair[0] == pair[1]:
        return 0.0
    return abs(math.log2(pair[1] / pair[0])) if pair[0] > 0 and pair[1] > 0 else None


def _rms(run: RowRun, row: Row | None) -> float | None:
    if run.statistics is None or row is None or not row.output_shapes:
        return None
    return rms(run.statistics, math.prod(row.output_shapes[0]))


_QUANTITIES: dict[str, Callable[[RowRun, Row | None], float | None]] = {
    "rms": _rms,
    "absmax": lambda run, _: None if run.statistics is None else absmax(run.statistics),
    "zeros": lambda run, _: None if run.statistics is None else run.statistics.zeros,
    "gradient": lambda run, _: run.gradient_norm,
}
"""What is compared, in the order in which it is shown."""

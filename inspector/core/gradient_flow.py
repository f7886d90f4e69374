"""How gradients fare over the depth of a model: rms(g)/rms(w) of every parameter, in order of execution.

Of one step of SGD the ratio, times the learning rate, is by how much the parameter changes relative to itself.
"""

import math
from collections.abc import Sequence
from typing import Literal

from inspector.core.record import Record
from inspector.core.results import ForwardReport, TensorGradient
from inspector.core.table import Tensor
from inspector.core.wording import number, percent, printable

FlowMark = Literal["", "not finite", "zero gradient", "no gradient", "zero weight"]
"""Why there is no ratio to draw."""
MOST_USES = 8
"""Uses of a tied parameter that are listed."""


class FlowPoint(Record, frozen=True, kw_only=True):
    """One parameter; a tied one once, at its first place."""

    key: str
    row: int
    """The first row of the module that holds it."""
    ratio: float | None = None
    mark: FlowMark = ""


class LogScale(Record, frozen=True, kw_only=True):
    """Whole powers of ten that hold some numbers."""

    low: int
    high: int

    def share(self, value: float) -> float:
        """Where a number lies between both ends, from 0 to 1."""
        return min(1.0, max(0.0, (math.log10(value) - self.low) / (self.high - self.low)))


def gradient_flow(report: ForwardReport) -> list[FlowPoint]:
    """The parameters of a backward pass in order of execution; frozen ones and those without elements are left out."""
    first_rows: dict[str, int] = {}
    for row in report.table.rows:
        if row.kind != "function":
            first_rows.setdefault(row.path, row.index)
    tensors = {tensor.key: tensor for tensor in report.table.tensors}
    points = [
        FlowPoint(key=one.key, row=_row_of(one.key, first_rows), ratio=ratio, mark=mark)
        for one, (ratio, mark) in ((one, _ratio(one)) for one in report.gradients)
        if one.key in tensors and tensors[one.key].trainable and tensors[one.key].elements
    ]
    points.sort(key=lambda point: point.row)
    return _each_once(points, tensors)


def scale_of(points: Sequence[FlowPoint]) -> LogScale | None:
    """The scale on which all ratios can be drawn; None where there are none."""
    logarithms = [math.log10(point.ratio) for point in points if point.ratio]
    if not logarithms:
        return None
    low, high = math.floor(min(logarithms)), math.ceil(max(logarithms))
    return LogScale(low=low, high=max(high, low + 1))


def sum_sentences(gradients: Sequence[TensorGradient], tensors: Sequence[Tensor]) -> list[str]:
    """Of each gradient that is a sum over uses what they add to it; tied keys together."""
    tied = {tensor.key: tensor.tied_to for tensor in tensors}
    told: set[str] = set()
    sentences = []
    for one in gradients:
        if one.sum_note is not None and one.key not in told:
            names = [one.key, *tied.get(one.key, [])]
            told.update(names)
            sentences.append(f"{' = '.join(map(printable, names))}: {sum_text(one)}")
    return sentences


def sum_text(one: TensorGradient) -> str:
    """Of how many uses a gradient is the sum, and what each adds: ``the sum over 2 uses: head (Linear) 88 % …``."""
    note = f"its gradient is {one.sum_note}" if (one.sum_note or "").startswith("the sum") else one.sum_note or ""
    uses = one.gradient_uses or []
    parts = [
        f"{printable(use.path) or 'the model'} {printable(use.type)}{f' call {use.call + 1}' if use.call else ''} "
        f"{percent_of(use.share)} (norm {number(use.norm)})"
        for use in uses[:MOST_USES]
    ]
    more = [f"{len(uses) - MOST_USES:,} more"] if len(uses) > MOST_USES else []
    return f"{note}: {', '.join([*parts, *more])}" if parts else note


def percent_of(share: float | None) -> str:
    """A share of the sum, which may be below 0 or above 1."""
    if share is None:
        return "of a gradient of 0"
    return percent(share) if share >= 0 else f"−{percent(-share)}"


def _row_of(key: str, first_rows: dict[str, int]) -> int:
    path = key.rpartition(".")[0]
    while path and path not in first_rows:
        path = path.rpartition(".")[0]
    return first_rows.get(path, 0)


def _ratio(one: TensorGradient) -> tuple[float | None, FlowMark]:
    if one.gradient is None:
        return None, "no gradient"
    if one.gradient.nan or one.gradient.inf or one.weight_rms is None:
        return None, "not finite"
    if one.weight_rms == 0:
        return None, "zero weight"
    return (one.gradient_ratio, "") if one.gradient_ratio else (None, "zero gradient")


def _each_once(points: Sequence[FlowPoint], tensors: dict[str, Tensor]) -> list[FlowPoint]:
    told: set[str] = set()
    kept = []
    for point in points:
        if point.key not in told:
            kept.append(point)
            told.update(tensors[point.key].tied_to)
    return kept

"""Ablation: how much the output changes when a row is switched off."""

from typing import Literal, get_args

from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.wording import number, printable, things

SwitchedOff = Literal["zero", "mean", "identity"]
WAYS: tuple[SwitchedOff, ...] = get_args(SwitchedOff)
MOST_ROWS = 256
"""Passes that one request makes at most, each with one row switched off."""


class AblationSettings(Record, frozen=True, kw_only=True):
    """What to switch off, on which input."""

    inputs: list[InputSpec] = []
    seed: int = 0
    rows: list[str] = []
    """Patterns, see `inspector.core.row_patterns`; without them every module with parameters of its own, and every
    block that repeats."""
    by: SwitchedOff | None = None
    """"zero": its output is all zeros. "mean": of each channel its mean over the batch and all positions. "identity":
    its first input goes through. None: identity for blocks that repeat, where shapes allow it, else zero."""


class AblatedRow(Record, frozen=True, kw_only=True):
    """One row, switched off in all its calls."""

    path: str
    type: str
    is_function: bool = False
    call: int | None = None
    """The one call that was switched off, from 0; None for all."""
    calls: int
    """How many there are."""
    index: int | None = None
    """Of its first call in the table; None where that has no such row."""
    by: SwitchedOff
    relative: float | None = None
    """‖output without it − output‖₂ / ‖output‖₂, of the output tensor of which it is largest; of integers the share
    that differs. None where there is no such number."""
    max_abs: float | None = None
    problem: str = ""
    """Why there is no number: what the model raised without the row, say."""


class AblationReport(Record, frozen=True, kw_only=True):
    """Rows by how much the output changes without them, most first; those without a number last."""

    rows: list[AblatedRow]
    seed: int
    left_out: int = 0
    """Rows beyond those that were tried."""


def effect_text(row: AblatedRow) -> str:
    """What switching the row off does: ``1.2 (largest element 3.4)``."""
    if row.problem:
        return printable(row.problem)
    return f"{number(row.relative)}, largest element {number(row.max_abs)}"


def ablated_name(row: AblatedRow) -> str:
    """The row as it is called, with how often where that is more than once."""
    path = printable(row.path) or "the model"
    name = f"{path} {row.type}" if row.is_function else f"{path} ({printable(row.type)})"
    if row.call is not None:
        return f"{name}, call {row.call + 1}"
    return name if row.calls == 1 else f"{name}, {things(row.calls, 'call')}"

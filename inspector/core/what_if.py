"""What if one operation had other settings: what is asked, what is answered, and settings found by arithmetic."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from inspector.core import wording
from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.table import Failure, FormulaLine, RowKind

Operation = Literal["conv", "conv_transpose", "pool", "max_unpool", "adaptive_pool"]
Value = list[int] | list[int | None] | int | bool | str | None


class Settings(Record, frozen=True, kw_only=True):
    """What can be changed in one call; one number for each axis, and None for what the operation does not have."""

    kernel: list[int] | None = None
    stride: list[int] | None = None
    padding: list[int] | Literal["same", "valid"] | None = None
    dilation: list[int] | None = None
    output_padding: list[int] | None = None
    ceil_mode: bool | None = None
    output_size: list[int | None] | None = None
    """Of an adaptive pooling; None within it keeps the axis."""
    out_channels: int | None = None


NAMES = Settings.__struct_fields__


class Proposal(Record, frozen=True, kw_only=True):
    """Other settings for the call behind a row, and another input for the model."""

    path: str
    """The module's, or that of a function's caller."""
    function: str = ""
    """A function row's type."""
    call: int = 0
    settings: Settings | None = None
    """All of them, changed or not; None leaves them as they are."""
    inputs: list[InputSpec] = []
    """None in the list: those of the last pass."""


class RowChange(Record, frozen=True, kw_only=True):
    """A row whose output shapes would change, or that would not fit."""

    kind: RowKind
    path: str
    type: str
    call: int
    before: list[list[int]]
    after: list[list[int]]
    """Empty where the pass would not reach the row's end."""
    failure: Failure | None = None
    """The row would no longer fit."""
    assumed: bool = False
    """Worked out as if the rows before it that do not fit had put out what they do now."""


class WhatIfReport(Record, frozen=True, kw_only=True):
    """What the proposed settings would change."""

    operation: Operation
    now: Settings
    """The settings that the model has."""
    settings: Settings
    """Those proposed."""
    input_shape: list[int]
    """Of the operation, in the pass with the settings proposed."""
    before: list[int] | None
    """Its output now; None where no pass has got as far."""
    after: list[int] | None
    """Its output then; None where the settings do not fit its input."""
    formula: list[FormulaLine]
    parameters_before: int | None
    """Of its weight and bias; None where it has none."""
    parameters_after: int | None
    rows: list[RowChange]
    """In the table's order."""
    unchanged: int
    """Rows that stay as they are."""
    complete: bool
    """Whether all rows could be worked out, those behind a misfit by assuming that it fitted."""
    inputs: list[InputSpec]


def written(value: Value) -> str:
    """A setting as it is typed: ``3``, ``3x5``, ``same``, ``yes``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        parts = ["keep" if part is None else str(part) for part in value]
        return parts[0] if len(set(parts)) == 1 else "x".join(parts)
    return str(value)


def parse_settings(texts: Mapping[str, str], now: Settings, operation: Operation) -> Settings:
    """The settings with those that are typed instead. Raises RequestError where one does not read."""
    changes: dict[str, Value] = {}
    for name, text in texts.items():
        known = getattr(now, name, None)
        if known is None:
            has = ", ".join(one for one in NAMES if getattr(now, one) is not None)
            raise RequestError(f"this operation has no setting {name!r}; it has {has}")
        text = text.strip().lower()
        if name == "padding" and text in ("same", "valid") and operation != "conv":
            raise RequestError(f"padding is {text!r}, which only convolutions have; write numbers, such as 1 or 1x2")
        changes[name] = _parsed(name, text, known)
    return msgspec.structs.replace(now, **changes)


def _parsed(name: str, text: str, known: Value) -> Value:
    if isinstance(known, bool):
        if text in ("yes", "true", "1", "no", "false", "0"):
            return text in ("yes", "true", "1")
        raise RequestError(f"{name} is {text!r}; write yes or no")
    if name == "padding" and text in ("same", "valid"):
        return text
    parts = [part for part in re.split(r"[\s,x×()]+", text) if part]
    least = 0 if name.endswith("padding") else 1
    if name == "output_size":
        numbers: list[int | None] = [None if part in ("keep", "none") else _number(name, part, 1) for part in parts]
        return _for_each(name, text, numbers, known)
    return _for_each(name, text, [_number(name, part, least) for part in parts], known)


def _for_each(name: str, text: str, numbers: list[int | None] | list[int], known: Value) -> Value:
    count = len(known) if isinstance(known, list) else 1
    if isinstance(known, str):
        count = max(1, len(numbers))
    if len(numbers) not in (1, count):
        several = f", or one for each of {count} axes such as {'x'.join('3' * count)}" if count > 1 else ""
        raise RequestError(f"{name} is {text!r}; write one number{several}")
    if isinstance(known, int):
        return numbers[0]
    return numbers * count if len(numbers) == 1 else numbers


def _number(name: str, text: str, least: int) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise RequestError(f"{name} is {wording.shortened(text)!r}; write whole numbers, such as 3 or 3x5")
    if int(text) < least:
        raise RequestError(f"{name} is {text}; it must be at least {least}")
    return int(text)


def row_name(row: RowChange) -> str:
    """The path; a function by its name and where it is called."""
    name = f"{row.type} in {row.path}" if row.kind == "function" and row.path else row.path or row.type
    return wording.printable(f"{name} #{row.call + 1}" if row.call else name)


def row_change(row: RowChange) -> str:
    """``1×6×28×28 → 1×6×14×14``; ``not reached`` before, where the pass failed earlier."""
    before = wording.shapes(row.before) if row.before else "not reached"
    after = "does not fit" if row.failure is not None else wording.shapes(row.after) if row.after else "not known"
    return f"{before} → {after}"


def misfit(failure: Failure) -> str:
    """Why a row would not fit, in one sentence."""
    return wording.printable(failure.explanation or failure.message)


def keeping_size(operation: Operation, settings: Settings) -> Settings:
    """The settings with a padding for which the output is as large as the input. Raises RequestError without one."""
    if operation == "adaptive_pool" and settings.output_size:
        return msgspec.structs.replace(settings, output_size=[None] * len(settings.output_size))
    if settings.padding is None or settings.kernel is None or settings.stride is None:
        raise RequestError("this operation has no padding to choose")
    if any(s != 1 for s in settings.stride):
        raise RequestError(
            f"with stride {written(settings.stride)} no padding keeps the size; set the stride to 1 first"
        )
    extra = settings.output_padding or [0] * len(settings.kernel)
    totals = [reach + more for reach, more in zip(_reaches(settings), extra, strict=True)]
    if all(total % 2 == 0 for total in totals):
        return msgspec.structs.replace(settings, padding=[total // 2 for total in totals])
    if operation == "conv":
        return msgspec.structs.replace(settings, padding="same")
    odd = "an odd kernel" if operation != "conv_transpose" else "an odd kernel without output_padding"
    raise RequestError(f"the padding would be {max(totals)} in all, which does not halve; use {odd}")


def by_two(operation: Operation, settings: Settings) -> Settings:
    """The settings with which every even size is halved; a transposed convolution or an unpooling doubles all sizes.

    For a transposed convolution ``2·p = d·(k − 1) + output_padding − 1``, from ``(L − 1)·2 − 2·p + d·(k − 1) +
    output_padding + 1 = 2·L``; for the others ``p = ⌊d·(k − 1)/2⌋``, which makes
    ``⌊(L + 2·p − d·(k − 1) − 1)/2⌋ + 1 = L/2``.
    """
    if settings.kernel is None or settings.stride is None:
        raise RequestError("this operation has no stride to choose")
    count = len(settings.kernel)
    reaches = _reaches(settings)
    if operation == "conv_transpose":
        extra = [1 - reach % 2 for reach in reaches]
        padding = [(reach + more - 1) // 2 for reach, more in zip(reaches, extra, strict=True)]
        return msgspec.structs.replace(settings, stride=[2] * count, padding=padding, output_padding=extra)
    if operation == "max_unpool":
        return msgspec.structs.replace(settings, kernel=[2] * count, stride=[2] * count, padding=[0] * count)
    changes: dict[str, Value] = {"stride": [2] * count}
    if settings.padding is not None:
        changes["padding"] = [reach // 2 for reach in reaches]
    else:  # a pooling that takes no padding
        changes["kernel"] = [2] * count
    if settings.ceil_mode is not None:
        changes["ceil_mode"] = False
    return msgspec.structs.replace(settings, **changes)


def _reaches(settings: Settings) -> list[int]:
    """``d·(k − 1)`` of each axis."""
    kernel = settings.kernel or []
    dilation = settings.dilation or [1] * len(kernel)
    return [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]

"""Ablation of a module's rows: one pass for each, with the row switched off in all its calls."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.ablation import MOST_ROWS, AblatedRow, AblationReport, AblationSettings, SwitchedOff
from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.output_changes import parse_change
from inspector.core.repeated_blocks import runs_of
from inspector.core.row_patterns import RowPattern, parse_row_pattern, refuse_unknown
from inspector.core.table import ModelTable
from inspector.core.wording import shape
from inspector.engine.live import Progress
from inspector.engine.pytorch.averaging import averaged, can_be_averaged
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.repeated_calls import is_transforming
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.stepping.call_numbers import CallNumbers
from inspector.engine.pytorch.stepping.changing import changed_output, write_into, written_into
from inspector.engine.pytorch.untouched import values_untouched_throughout
from inspector.engine.tensor_differences import difference

_ZERO = parse_change("zero")


@dataclass
class _Row:
    """A row of the plain run that may be switched off; a module or all calls of one function of it."""

    path: str
    type: str
    is_function: bool
    places: list[str]
    calls: int = 0
    passes_on: bool = True
    """Whether in every call the first input could take the place of the first output."""

    @property
    def key(self) -> tuple[str, str]:
        return self.path, self.type if self.is_function else ""


def ablate(
    model: nn.Module, arguments: Arguments, settings: AblationSettings, table: ModelTable, progress: Progress
) -> AblationReport:
    """Switch rows off one after the other and compare the outputs; the model is as before afterwards.

    Raises RequestError where a pattern means no row, or the model does not run as it is.
    """
    patterns = [parse_row_pattern(text) for text in settings.rows]
    for pattern in patterns:
        refuse_unknown(pattern, [row.path for row in table.rows])
    with values_untouched_throughout(model):
        progress(0, None, "the model as it is")
        watching = _Watching()
        try:
            output = real_pass(model, arguments, Recorder(model, stepper=watching), settings.seed)
        except NO_FAILURES:
            raise
        except Exception as problem:
            raise RequestError(f"forward fails: {first_line(problem)}; mend it before switching rows off") from problem
        plain = [tensor.detach().clone() for tensor in tensors_in(output)]
        blocks = _blocks(table)
        chosen = _chosen(list(watching.rows.values()), patterns, table, blocks)
        index = {(row.path, row.type if row.kind == "function" else "", row.call): row.index for row in table.rows}
        found = []
        for number, (row, call) in enumerate(chosen[:MOST_ROWS]):
            progress(number, min(len(chosen), MOST_ROWS), f"without {row.path or 'model'} {row.type}")
            by = settings.by or ("identity" if row.path in blocks and row.passes_on else "zero")
            effect = _effect(model, arguments, settings.seed, _SwitchingOff(row.key, call, by), plain)
            found.append(
                AblatedRow(
                    path=row.path,
                    type=row.type,
                    is_function=row.is_function,
                    call=call,
                    calls=row.calls,
                    index=index.get((*row.key, call or 0)),
                    by=by,
                    **effect,
                )
            )
    found.sort(key=lambda row: (row.relative is None, -(row.relative or 0.0)))
    return AblationReport(rows=found, seed=settings.seed, left_out=max(0, len(chosen) - MOST_ROWS))


def _blocks(table: ModelTable) -> set[str]:
    rows = table.rows
    return {rows[at].path for run in runs_of(table) for at in (*run.alike, *run.differing) if rows[at].kind == "module"}


def _chosen(
    rows: list[_Row], patterns: list[RowPattern], table: ModelTable, blocks: set[str]
) -> list[tuple[_Row, int | None]]:
    """Rows, each with the one call that is meant or None for all; never the model itself unless it is asked for."""
    if not patterns:
        own = {row.path for row in table.rows if row.kind == "module" and row.own_parameters}
        return [(row, None) for row in rows if row.path and not row.is_function and row.path in own | blocks]
    chosen = [
        (row, None if pattern.call is None else pattern.call - 1)
        for row in rows
        for pattern in patterns
        if pattern.matches(row.places, row.type, row.is_function, (pattern.call or 1) - 1)
        and (pattern.call or 1) <= row.calls
    ]
    if not chosen:
        raise RequestError("no row that ran is meant; `nninspect step TARGET` lists all that do")
    return chosen


def _effect(
    model: nn.Module, arguments: Arguments, seed: int, without: "_SwitchingOff", plain: list[torch.Tensor]
) -> dict[str, Any]:
    try:
        output = real_pass(model, arguments, Recorder(model, stepper=without), seed)
    except NO_FAILURES:
        raise
    except Exception as problem:
        return {"problem": without.problem or f"the model fails without it: {first_line(problem)}"}
    changed = list(tensors_in(output))
    if len(changed) != len(plain):
        return {"problem": f"the model puts out {len(changed)} tensors without it, not {len(plain)}"}
    apart = [difference(one, other) for one, other in zip(plain, changed, strict=True)]
    resized = next((one for one in apart if one.shape_b is not None), None)
    if resized is not None:
        return {"problem": f"the output is {shape(resized.shape_b)} without it, not {shape(resized.shape_a)}"}
    if any(one.not_finite for one in apart):
        return {"problem": "the output is not finite in the same places without it"}
    known = [one.relative for one in apart if one.relative is not None]
    return {
        "relative": max(known) if known and len(known) == len(apart) else None,
        "max_abs": max((one.max_abs for one in apart if one.max_abs is not None), default=None),
        "problem": "" if known and len(known) == len(apart) else "the output is all zeros: there is no relative change",
    }


class _Watching:
    """A stepper that notes which rows there are; see `inspector.engine.pytorch.recording.Stepper`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], _Row] = {}

    def before(self, call: CallRecord, depth: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs

    def after(self, call: CallRecord, depth: int, args: Any, kwargs: Any, output: Any) -> Any:
        if not is_transforming():
            row = _Row(call.path, call.type, call.is_function, call.places)
            row = self.rows.setdefault(row.key, row)
            row.calls += 1
            row.passes_on = row.passes_on and _could_pass_on(next(tensors_in((args, kwargs)), None), output)
        return output


class _SwitchingOff:
    """A stepper that switches one row off; see `inspector.engine.pytorch.recording.Stepper`."""

    def __init__(self, key: tuple[str, str], call: int | None, by: SwitchedOff) -> None:
        self.problem = ""
        self._key = key
        self._call = call
        self._by = by
        self._numbers = CallNumbers()
        self._given: dict[int, torch.Tensor] = {}
        """By the identity of a call that runs, its first input as it was: the row may write into it."""

    def before(self, call: CallRecord, depth: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
        self._numbers.begin(call)
        given = next(tensors_in((args, kwargs)), None)
        if given is not None and self._by == "identity" and _key_of(call) == self._key:
            self._given[id(call)] = given.detach().clone()
        return args, kwargs

    def after(self, call: CallRecord, depth: int, args: Any, kwargs: Any, output: Any) -> Any:
        number = self._numbers.end(call)
        given = self._given.pop(id(call), None)
        if _key_of(call) != self._key or self._call not in (None, number) or is_transforming():
            return output
        target = written_into(call, args, output)
        off = self._without(call, output if target is None else target, given)
        if target is None:
            return off
        write_into(target, off)
        return output

    def _without(self, call: CallRecord, output: Any, given: torch.Tensor | None) -> Any:
        if self._by == "zero":
            return changed_output(output, _ZERO, lambda text: None, lambda: None)
        if self._by == "mean":
            if not can_be_averaged(output):
                self.problem = "it puts out no numbers of floating point, so there is no mean"
                raise RequestError(self.problem)
            return averaged(output, call)
        if not _could_pass_on(given, output):
            self.problem = "its first input has another shape or dtype than its output, so it cannot go through"
            raise RequestError(self.problem)
        waiting = list(tensors_in(given))
        return with_tensors(output, lambda tensor: waiting.pop() if waiting else tensor)


def _key_of(call: CallRecord) -> tuple[str, str]:
    return call.path, call.type if call.is_function else ""


def _could_pass_on(given: torch.Tensor | None, output: Any) -> bool:
    """Whether the first input could take the place of the first output."""
    put = next(tensors_in(output), None)
    if given is None or put is None or given.is_nested or put.is_nested:
        return False
    return (given.shape, given.dtype, given.device) == (put.shape, put.dtype, put.device)

"""What a model's shapes would be if one of its calls had other settings, by passes on meta tensors.

Where the change makes a later call fail, the pass is made once more with that call taken to put out the shape it does
now, and so on: one learns of every place that would have to change too, not only of the first. The model itself is
left alone; what stands in for its tensors has no values.
"""

from collections.abc import Sequence

from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Row
from inspector.core.what_if import Proposal, RowChange, WhatIfReport
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.changed_calls import ChangedPass, Met, Target, calls_like, target_of
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.shape_pass import meta_pass
from inspector.engine.pytorch.stand_ins import NeedsValuesError
from inspector.engine.pytorch.structure import static_rows

MOST_MISFITS = 12


def what_if(
    model: nn.Module,
    arguments: Arguments,
    proposal: Proposal,
    rows: Sequence[Row],
    root: CallRecord | None,
    specs: list[InputSpec],
    device: str,
    seed: int,
) -> WhatIfReport:
    """What `proposal` would change in the table `rows`, whose pass is `root`.

    Raises RequestError where the proposal does not make sense, and where shapes alone cannot tell.
    """
    row = _row_of(proposal, rows)
    target = target_of(row, root)
    rehearsal = _Rehearsal(model, arguments, proposal, target, root, device, seed)
    last = rehearsal.run()
    met = rehearsal.met
    if met is None and rehearsal.misfits:
        _, _, failure = rehearsal.misfits[0]
        raise RequestError(
            f"the pass fails before it reaches {row.path or row.type}: {failure.explanation or failure.message}; "
            "give another input"
        )
    if met is None:
        raise RequestError(
            f"{row.path or row.type} calls no convolution or pooling itself; choose the row of the one to change"
        )
    changes, unchanged = _changes(rows, *rows_with_calls(static_rows(model), last.root), rehearsal.misfits, last.root)
    return WhatIfReport(
        operation=met.operation,
        now=met.now,
        settings=met.settings,
        input_shape=met.input_shape,
        before=row.output_shapes[0] if row.output_shapes else None,
        after=met.result,
        formula=met.formula,
        parameters_before=met.parameters_before,
        parameters_after=met.parameters_after,
        rows=changes,
        unchanged=unchanged,
        complete=rehearsal.complete,
        inputs=specs,
    )


def _row_of(proposal: Proposal, rows: Sequence[Row]) -> Row:
    for row in rows:
        same = row.path == proposal.path and row.call == proposal.call
        if same and (row.type if row.kind == "function" else "") == proposal.function:
            return row
    where = f"{proposal.function} in {proposal.path or 'the model'}" if proposal.function else proposal.path
    raise RequestError(f"the table has no row {where!r}, call {proposal.call + 1}; `nninspect summary` lists all rows")


class _Rehearsal:
    def __init__(
        self,
        model: nn.Module,
        arguments: Arguments,
        proposal: Proposal,
        target: Target,
        before: CallRecord | None,
        device: str,
        seed: int,
    ) -> None:
        self._model = model
        self._arguments = arguments
        self._proposal = proposal
        self._target = target
        self._before = before
        self._device = device
        self._seed = seed
        self.met: Met | None = None
        self.misfits: list[tuple[CallRecord, int, Failure]] = []
        """Calls that failed, each with its number among those like it."""
        self.complete = False

    def run(self) -> ChangedPass:
        """Pass after pass until one comes to the end, or to a call of which nothing is known; return the last."""
        assumed: dict[int, list[int]] = {}
        while True:
            recorder = ChangedPass(self._model, self._target, self._proposal.settings, assumed)
            try:
                meta_pass(self._model, self._arguments, recorder, self._device, self._seed)
            except NeedsValuesError as problem:
                why = str(problem).splitlines()[0]
                text = "this model's forward needs values, and what-if works with shapes alone"
                raise RequestError(f"{text}: {why}") from problem
            except NO_FAILURES:
                raise
            except RequestError:
                raise
            except BaseException as problem:
                self.met = recorder.met
                shape = self._note(problem, recorder)
                if shape is None or recorder.raised_at is None or len(self.misfits) >= MOST_MISFITS:
                    return recorder
                assumed[recorder.raised_at] = shape
            else:
                self.met = recorder.met
                self.complete = True
                return recorder

    def _note(self, problem: BaseException, recorder: ChangedPass) -> list[int] | None:
        """Keep a failure; the shape that the failing call put out before, where that is known."""
        call, failed = recorder.failed_call, recorder.failed
        in_function = call is not None and call.problem is problem
        failure = describe_failure(problem, self._model, recorder)
        if failed is None:
            return None
        number = next((n for n, one in enumerate(calls_like(recorder.root, failed)) if one is failed), 0)
        self.misfits.append((failed, number, failure))
        if not in_function or (self.met is not None and failed is self.met.record):
            return None
        known = calls_like(self._before, failed)
        if number >= len(known) or known[number].failed or len(known[number].output_shapes) != 1:
            return None
        return self._with_batch(known[number].output_shapes[0], recorder.root)

    def _with_batch(self, shape: list[int], root: CallRecord | None) -> list[int]:
        """The shape of before for the batch of now."""
        before, now = (_batch(one) for one in (self._before, root))
        return [now, *shape[1:]] if before and now and shape[:1] == [before] else shape


def _batch(root: CallRecord | None) -> int | None:
    shape = root.input_shapes[0] if root is not None and root.input_shapes else []
    return shape[0] if shape else None


def _changes(
    before: Sequence[Row],
    after: Sequence[Row],
    calls: Sequence[CallRecord | None],
    misfits: Sequence[tuple[CallRecord, int, Failure]],
    root: CallRecord | None,
) -> tuple[list[RowChange], int]:
    """The rows that differ, and how many do not."""
    known = {_key(row): row for row in before}
    failures = {id(calls_like(root, record)[number]): failure for record, number, failure in misfits}
    at = [index for index, call in enumerate(calls) if id(call) in failures]
    changes, unchanged = [], 0
    for row, call in zip(after, calls, strict=True):
        old = known.get(_key(row))
        failure = failures.get(id(call))
        if call is None and (old is None or not old.output_shapes):
            continue
        if failure is None and old is not None and old.output_shapes == row.output_shapes:
            unchanged += 1
            continue
        first = min(at, default=len(after))
        changes.append(
            RowChange(
                kind=row.kind,
                path=row.path,
                type=row.type,
                call=row.call,
                before=old.output_shapes if old is not None else [],
                after=[] if failure is not None else row.output_shapes,
                failure=failure,
                assumed=row.index > first or row.index <= first < row.index + row.subtree,
            )
        )
    return changes, unchanged


def _key(row: Row) -> tuple[str, str, str, int]:
    return row.kind, row.path, row.type, row.call

"""A pass over the model that works out shapes, whichever way: on meta tensors, or for real where it has to be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES
from inspector.core.table import Note, ReceptiveField
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.inputs.arguments import device_of_inputs
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Returned
from inspector.engine.pytorch.recording import Fields, Recorder
from inspector.engine.pytorch.shape_pass import (
    AFFORDABLE_MULTIPLICATIONS,
    has_lazy,
    is_cheap,
    materialised_copy,
    meta_pass,
    real_pass,
)
from inspector.engine.pytorch.stand_ins import NeedsValuesError


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What a pass left."""

    recorder: Recorder
    output: Any = None
    problem: BaseException | None = None
    """What the model's forward raised; the recorder has the rows until then."""
    materialised: nn.Module | None = None
    """Of a model with lazy parameters: the copy in which this pass gave them their shapes."""
    notes: list[Note] = field(default_factory=list)


def run_shapes(
    model: nn.Module,
    arguments: Arguments,
    seed: int,
    record: Callable[[nn.Module], Recorder] = Recorder,
    confirm: bool = False,
) -> Pass:
    """On meta tensors; for real where that is cheaper, where values are needed, or where parameters have no shape.

    With `confirm` a failure on meta counts only if a real pass that can be afforded fails too.
    """
    materialised = None
    if has_lazy(model):
        # Looking gives the model no shapes: its copy has them, until a forward gives them to the model itself.
        model = materialised = materialised_copy(model, arguments, seed)
    notes: list[Note] = []
    failed: Pass | None = None
    if not is_cheap(model, arguments):
        recorder = record(model)
        try:
            output = meta_pass(model, arguments, recorder, device_of_inputs(model), seed)
            return Pass(recorder=recorder, output=output, materialised=materialised)
        except NeedsValuesError as problem:
            if any(tensor.is_meta for tensor in tensors_in(arguments)) and device_of_inputs(model) != "meta":
                # A guess so large that its values were never drawn.
                return Pass(recorder=recorder, problem=problem, materialised=materialised)
            why = str(problem).splitlines()[0]
            notes = [Note(code="real-pass", message=f"run for real, because the model needs values: {why}")]
        except NO_FAILURES:
            raise
        except BaseException as problem:
            failed = Pass(recorder=recorder, problem=problem, materialised=materialised)
            if not confirm or not is_cheap(model, arguments, AFFORDABLE_MULTIPLICATIONS):
                return failed
            why = f"{type(problem).__name__} {first_line(problem)}".strip()
            text = f"run for real, because without values it failed where with values it does not: {why}"
            notes = [Note(code="real-pass", message=text)]
    recorder = record(model)
    try:
        output = real_pass(model, arguments, recorder, seed)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        notes = [] if failed is not None else notes
        return Pass(recorder=recorder, problem=problem, materialised=materialised, notes=notes)
    return Pass(recorder=recorder, output=output, materialised=materialised, notes=notes)


def full_recorder(model: nn.Module, follow: Callable[[list[torch.Tensor]], Fields] | None = None) -> Recorder:
    """A recorder of all that the table shows; `follow` makes one more that is told of every call."""

    def fields(inputs: list[torch.Tensor]) -> Fields:
        return FieldTracker(inputs) if follow is None else _Both(FieldTracker(inputs), follow(inputs))

    return Recorder(model, fields, formula_of, device=device_of_inputs(model), costs=True)


class _Both:
    """Tells two of every call; receptive fields are those of the first."""

    def __init__(self, fields: Fields, other: Fields) -> None:
        self._fields = fields
        self._other = other

    def observe(self, call: Returned, path: str) -> None:
        """Take note of a function call."""
        self._fields.observe(call, path)
        self._other.observe(call, path)

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """What tells, after the pass, the receptive field of the first tensor in `value`."""
        return self._fields.field_of(value)

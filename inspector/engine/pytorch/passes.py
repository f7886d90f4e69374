"""A pass over the model that works out shapes, whichever way: on meta tensors, or for real where it has to be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from inspector.core.errors import NO_FAILURES
from inspector.core.table import Note
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.inputs.arguments import device_of_inputs
from inspector.engine.pytorch.meta_calls import NeedsValuesError
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import (
    has_lazy,
    is_cheap,
    materialised_copy,
    meta_pass,
    real_pass,
)


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
    model: nn.Module, arguments: Arguments, seed: int, record: Callable[[nn.Module], Recorder] = Recorder
) -> Pass:
    """On meta tensors; for real where that is cheaper, where values are needed, or where parameters have no shape."""
    materialised = None
    if has_lazy(model):
        # Looking gives the model no shapes: its copy has them, until a forward gives them to the model itself.
        model = materialised = materialised_copy(model, arguments, seed)
    notes: list[Note] = []
    if not is_cheap(model, arguments):
        recorder = record(model)
        try:
            output = meta_pass(model, arguments, recorder, device_of_inputs(model), seed)
            return Pass(recorder=recorder, output=output, materialised=materialised)
        except NeedsValuesError as problem:
            why = str(problem).splitlines()[0]
            notes = [Note(code="real-pass", message=f"run for real, because the model needs values: {why}")]
        except NO_FAILURES:
            raise
        except BaseException as problem:
            return Pass(recorder=recorder, problem=problem, materialised=materialised)
    recorder = record(model)
    try:
        output = real_pass(model, arguments, recorder, seed)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        return Pass(recorder=recorder, problem=problem, materialised=materialised, notes=notes)
    return Pass(recorder=recorder, output=output, materialised=materialised, notes=notes)


def full_recorder(model: nn.Module) -> Recorder:
    """A recorder of all that the table shows."""
    return Recorder(model, FieldTracker, formula_of, device=device_of_inputs(model), costs=True)

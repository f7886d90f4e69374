"""Receptive fields riding on the tensors of a pass, and the formulas of its calls.

A `torch.overrides.TorchFunctionMode` shows each function once, however many it calls inside: ``nn.MaxPool2d`` is one
``F.max_pool2d``, attention one ``F.multi_head_attention_forward``. Real, fake and meta tensors do equally well.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from inspector.core.field_rules import apply
from inspector.core.field_rules.added import added_fields
from inspector.core.field_rules.sequences import mixed_everywhere
from inspector.core.fields import Field, OpCall, TrackedInputs, merged, unknown
from inspector.core.table import FormulaLine, ReceptiveField
from inspector.engine.pytorch import (  # noqa: F401 - each registers its readers
    mixing_calls,
    tensor_calls,
    window_calls,
)
from inspector.engine.pytorch.formulas import FORMULAS, worked_formula
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Returned

_ATTRIBUTE = "_receptive_field"
_PLACE = "_place_in_base"
_WITHOUT_FORMULA: set[Any] = set()
"""Functions that turned out to be operations without one: they are not read again for it."""


class FieldTracker:
    """Follows what each tensor of one pass sees of `inputs`; told of every function call, in order."""

    def __init__(self, inputs: list[torch.Tensor]) -> None:
        shapes = [tuple(tensor.shape) for tensor in inputs]
        self._inputs = TrackedInputs(shapes, [tensor.is_floating_point() or tensor.is_complex() for tensor in inputs])
        self._answers: dict[int, tuple[Field, ReceptiveField | None]] = {}
        """By the identity of a field what is told of it: a row and those after it often have the same one."""
        for number, tensor in enumerate(inputs):
            self._put(tensor, self._inputs.seed(number))

    def observe(self, call: Returned, path: str) -> None:
        """Take note of a call made by the module at `path`. Never raises."""
        operands, outputs = call.operands, call.outputs
        if not outputs or len(call.shapes) < len(outputs):
            return
        try:
            if self._passes_through(call):
                return
            if call.name == "getitem" and isinstance(call.args[0], torch.Tensor) and outputs[0]._base is call.args[0]:
                outputs[0].__dict__[_PLACE] = tensor_calls.index_items(call.args[1], tuple(call.args[0].shape))
            through = self._through(call, path)
        except Exception:  # an unusual call must not end the pass: what it touches is unknown
            through = [unknown([self._get(tensor) for tensor in operands], call.name)] * len(outputs)
        for output, field in zip(outputs, through, strict=False):
            if any(output is operand for operand in operands):
                self._note_write(output, field)
            self._put(output, field)

    def _passes_through(self, call: Returned) -> bool:
        """Hand the only field there is on, where the call works element by element on a tensor of that very shape."""
        output, operands = call.outputs[0], call.operands
        seeing = [tensor for tensor in operands if _ATTRIBUTE in tensor.__dict__]
        if len(seeing) != 1 or len(call.outputs) > 1 or seeing[0].shape != output.shape or not _is_elementwise(call):
            return False
        if seeing[0] is not output:
            if any(output is operand for operand in operands):
                return False
            self._put(output, self._get(seeing[0]))
        return True

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """What tells, after the pass, the receptive field of the first tensor in `value`; None where none is known."""
        first = next(tensors_in(value), None)
        field = None if first is None else self._get(first)
        return None if field is None else partial(self._told, field)

    def _told(self, field: Field) -> ReceptiveField | None:
        if id(field) not in self._answers:
            try:
                told = self._inputs.receptive_field(field)
            except Exception:  # a table without this one figure is better than none
                told = None
            self._answers[id(field)] = field, told
        return self._answers[id(field)][1]

    def _through(self, returned: Returned, path: str) -> list[Field | None]:
        shapes = returned.shapes
        if all(self._get(tensor) is None for tensor in returned.operands):
            return [None] * len(shapes)
        reading = returned.reading
        if reading is None:
            added = added_fields(self._as_added(returned, path))
            if added is not None:
                return added
            return [unknown([self._get(tensor) for tensor in returned.operands], returned.name)] * len(shapes)
        operands = [
            (tuple(tensor.shape), self._get(tensor)) if isinstance(tensor, torch.Tensor) else ((), None)
            for tensor in reading.operands
        ]
        call = OpCall(
            op=reading.op,
            inputs=operands,
            output_shapes=shapes,
            settings={"name": returned.name, **reading.settings},
            path=path,
        )
        through = apply(call, self._inputs)
        seeing = [self._get(weight) for weight in tensors_in(list(reading.weights))]
        weights = [mixed_everywhere(field, path) for field in seeing if field is not None]
        if weights:
            through = [merged([field, *weights], path) for field in through]
        return through + through[-1:] * (len(shapes) - len(through))

    def _as_added(self, returned: Returned, path: str) -> OpCall:
        """A call as rules of others see it: the tensors' fields, and all arguments that are none."""
        plain = [None if isinstance(one, torch.Tensor) else one for one in returned.args]
        named = {name: one for name, one in returned.kwargs.items() if not isinstance(one, torch.Tensor)}
        return OpCall(
            op=returned.name,
            inputs=[(tuple(tensor.shape), self._get(tensor)) for tensor in returned.operands],
            output_shapes=returned.shapes,
            settings={"name": returned.name, "args": plain, "kwargs": named},
            path=path,
        )

    def _note_write(self, written: torch.Tensor, field: Field | None) -> None:
        """Writing in place through a view, as in ``x[:, 1:] += y``, also changes the tensor it is a view of."""
        base = written._base
        if base is None or field is None or field == self._get(written):
            return
        items = written.__dict__.get(_PLACE)
        inputs = [(tuple(base.shape), self._get(base)), (tuple(written.shape), field)]
        call = OpCall(op="assign", inputs=inputs, output_shapes=[tuple(base.shape)], settings={"items": items})
        self._put(base, apply(call)[0])

    def _get(self, tensor: torch.Tensor) -> Field | None:
        owner, field = tensor.__dict__.get(_ATTRIBUTE, (None, None))
        return field if owner is self else None

    def _put(self, tensor: torch.Tensor, field: Field | None) -> None:
        # On the tensor itself, so that it lives and dies with it; the tracker tells its own from an earlier pass's.
        if field is not None:
            tensor.__dict__[_ATTRIBUTE] = (self, field)
        else:
            tensor.__dict__.pop(_ATTRIBUTE, None)


def _is_elementwise(call: Returned) -> bool:
    if tensor_calls.is_pointwise(call.func):
        return True
    # A batch norm in eval mode.
    return call.reading is not None and call.reading.op == "normalise" and not call.reading.settings.get("dims")


def formula_of(call: Returned) -> list[FormulaLine] | None:
    """The output size of a convolution, pooling or linear call, worked through; None for others. Never raises."""
    if call.func in _WITHOUT_FORMULA or not call.shapes:
        return None
    try:
        reading = call.reading
        if reading is None or reading.op not in FORMULAS:
            _WITHOUT_FORMULA.add(call.func)
            return None
        return worked_formula(reading, call.shapes[0])
    except Exception:  # no formula is better than no table
        return None

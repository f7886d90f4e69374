"""Receptive fields riding on the tensors of a pass, and the formulas of its calls.

A `torch.overrides.TorchFunctionMode` shows each function once, however many it calls inside: ``nn.MaxPool2d`` is one
``F.max_pool2d``, attention one ``F.multi_head_attention_forward``. Real, fake and meta tensors do equally well.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from inspector.core.field_rules import apply
from inspector.core.field_rules.sequences import mixed_everywhere
from inspector.core.fields import Field, OpCall, Shape, TrackedInputs, merged, unknown
from inspector.core.table import FormulaLine, ReceptiveField
from inspector.engine.pytorch import (  # noqa: F401 - each registers its readers
    mixing_calls,
    tensor_calls,
    window_calls,
)
from inspector.engine.pytorch.formulas import FORMULAS, worked_formula
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name, read_call

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

    def observe(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None, result: Any, path: str) -> None:
        """Take note of a call that returned `result`, made by the module at `path`. Never raises."""
        with torch._C.DisableTorchFunction():
            kwargs = kwargs or {}
            name = canonical_name(func)
            assigned = name == "setitem"
            outputs = [args[0]] if assigned else list(tensors_in(result))
            if not outputs:
                return
            if any(output.is_nested for output in outputs):
                return
            if len(outputs) == 1 and self._passes_through(func, args, kwargs, outputs[0]):
                return
            if name == "getitem" and isinstance(args[0], torch.Tensor) and outputs[0]._base is args[0]:
                outputs[0].__dict__[_PLACE] = tensor_calls.index_items(args[1], tuple(args[0].shape))
            operands = [*tensors_in(args), *(tensors_in(kwargs) if kwargs else ())]
            fields = [self._get(tensor) for tensor in operands]
            if all(field is None for field in fields):
                for output in outputs:
                    self._put(output, None)
                return
            try:
                through = self._through(func, args, kwargs, outputs, path)
            except Exception:  # an unusual call must not end the pass: what it touches is unknown
                through = [unknown(fields, name)] * len(outputs)
            for output, field in zip(outputs, through, strict=False):
                if any(output is operand for operand in operands):
                    self._note_write(output, field)
                self._put(output, field)

    def _passes_through(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], output: torch.Tensor) -> bool:
        """Hand the only field there is on, where the call works element by element on a tensor of that very shape."""
        if not tensor_calls.is_elementwise(func):
            return False
        operands = list(tensors_in((args, kwargs)))
        seeing = [tensor for tensor in operands if _ATTRIBUTE in tensor.__dict__]
        if len(seeing) != 1 or seeing[0].shape != output.shape:
            return False
        if seeing[0] is not output:
            if any(output is operand for operand in operands):
                return False
            self._put(output, self._get(seeing[0]))
        return True

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """What tells, after the pass, the receptive field of the first tensor in `value`; None where none is known."""
        with torch._C.DisableTorchFunction():
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

    def _through(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: list[torch.Tensor], path: str
    ) -> list[Field | None]:
        name = canonical_name(func)
        shapes: list[Shape] = [tuple(output.shape) for output in outputs]
        reading = read_call(func, args, kwargs, shapes)
        if reading is None:
            fields = [self._get(tensor) for tensor in (*tensors_in(args), *tensors_in(kwargs))]
            return [unknown(fields, name)] * len(outputs)
        operands = [
            (tuple(tensor.shape), self._get(tensor)) if isinstance(tensor, torch.Tensor) else ((), None)
            for tensor in reading.operands
        ]
        call = OpCall(
            op=reading.op,
            inputs=operands,
            output_shapes=shapes,
            settings={"name": name, **reading.settings},
            path=path,
        )
        through = apply(call, self._inputs)
        seeing = [self._get(weight) for weight in tensors_in(list(reading.weights))]
        weights = [mixed_everywhere(field, path) for field in seeing if field is not None]
        if weights:
            through = [merged([field, *weights], path) for field in through]
        return through + through[-1:] * (len(outputs) - len(through))

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


def formula_of(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None, result: Any
) -> list[FormulaLine] | None:
    """The output size of a convolution, pooling or linear call, worked through; None for others. Never raises."""
    if func in _WITHOUT_FORMULA:
        return None
    with torch._C.DisableTorchFunction():
        try:
            first = next(tensors_in(result), None)
            if first is None:
                return None
            output = tuple(first.shape)
            reading = read_call(func, args, kwargs or {}, [output])
            if reading is None or reading.op not in FORMULAS:
                _WITHOUT_FORMULA.add(func)
                return None
            return worked_formula(reading, output)
        except Exception:  # no formula is better than no table
            return None

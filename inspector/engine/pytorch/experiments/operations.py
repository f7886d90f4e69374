"""Which functions a pass calls on what came from the input, and which of the model's weights they multiply with.

What is followed are tensors, from the input on. Ways that tensors do not show, through memory that is written into and
through Python's numbers, back to the parameters, are those of `value_flow`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from inspector.core.table import Source
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.repeated_calls import is_transforming

MATRIX_PRODUCTS = {
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "matmul", "mm",
    "bmm", "addmm", "baddbmm", "einsum", "tensordot", "mv", "addmv",
}  # fmt: skip
"""Functions that multiply by a matrix or a kernel, and do nothing else."""
MULTIPLYING = MATRIX_PRODUCTS | {
    "bilinear", "multi_head_attention_forward", "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell",
    "rnn_tanh_cell", "rnn_relu_cell",
}  # fmt: skip
_REFLECTED = {"radd", "rsub", "rmul", "rtruediv", "rdiv", "rpow", "rmatmul", "rmod", "rfloordiv"}
_IN_PLACE = {"iadd", "isub", "imul", "itruediv", "idiv", "ipow", "imatmul"}


@dataclass(eq=False)
class Operation:
    """A call of a function in a pass."""

    number: int
    name: str
    """Bare: ``conv2d``, ``add``, also of what adds in place or by an operator."""
    type: str
    """As the module or the line has it."""
    path: str
    """Of the module that is running, where its caller knows it."""
    source: Source | None
    inputs: list[int]
    """The operations that made what it takes of what depends on the input; −1 for the model's inputs themselves."""
    weights: list[torch.Tensor] = field(default_factory=list)
    """What it takes that depends on the model alone."""

    @property
    def multiplies(self) -> bool:
        """Whether it sums products of weights with what came from the input."""
        return self.name in MULTIPLYING and any(weight.dim() > 1 for weight in self.weights)


See = Callable[[Operation, Any, tuple[Any, ...], dict[str, Any], Any], None]
Before = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


class Watch:
    """Tells `see` of every function that a recorded pass calls and that makes tensors, when it has returned.

    `before` is told of every function, with its arguments, before it runs.
    """

    def __init__(self, recorder: Recorder, inputs: Any, see: See, before: Before | None = None):
        self._recorder = recorder
        self._see = see
        self._before = before
        self._makers = WeakTensorKeyDictionary()
        """The operations that made the tensors from the input that are alive; an identity may be given again."""
        for tensor in tensors_in(inputs):
            self._makers[tensor] = -1
        self.operations: list[Operation] = []
        recorder.run = self._run

    def maker_of(self, tensor: torch.Tensor) -> int | None:
        """The operation that made a tensor, −1 for the model's inputs; None for what does not depend on them."""
        maker: int | None = self._makers.get(tensor)
        return maker

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        running = self._recorder.running
        if running is None or is_transforming():
            return func(*args, **kwargs)
        name = name_of(func)
        if self._before is not None:
            self._before(func, args, kwargs)
        result = func(*args, **kwargs)
        outputs = result if result is not None else args[:1] if name in ("setitem", "set") else None
        made = list(tensors_in(outputs))
        if not made:
            return result
        inputs, weights = list[int](), list[torch.Tensor]()
        for tensor in tensors_in((args, kwargs)):
            maker = self.maker_of(tensor)
            if maker is None:
                weights.append(tensor)
            else:
                inputs.append(maker)
        operation = Operation(len(self.operations), name, running.type, running.place, running.source, inputs, weights)
        self.operations.append(operation)
        for tensor in made if inputs else ():
            self._makers[tensor] = operation.number
            base = tensor._base
            if base is not None and self.maker_of(base) is None:
                self._makers[base] = operation.number
        self._see(operation, func, args, kwargs, outputs)
        return result


def name_of(func: Any) -> str:
    """A function's bare name: ``add`` for ``torch.add``, ``x.add_`` and ``+=``; of a property its own."""
    bare = canonical_name(func).removeprefix("x.").strip("_")
    return bare[1:] if bare in _REFLECTED or bare in _IN_PLACE else bare

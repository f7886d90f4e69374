"""Which functions a pass calls on what came from the input, and which of the model's weights they multiply with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from inspector.core.table import Source
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.repeated_calls import is_transforming

MULTIPLYING = {
    "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "tensordot", "mv", "addmv", "multi_head_attention_forward",
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell",
}  # fmt: skip
_REFLECTED = {"radd", "rsub", "rmul", "rtruediv", "rdiv", "rpow", "rmatmul", "rmod", "rfloordiv"}
_IN_PLACE = {"iadd", "isub", "imul", "itruediv", "idiv", "ipow", "imatmul"}


@dataclass(eq=False)
class Operation:
    """A call of a function in a pass."""

    number: int
    name: str
    """Bare: ``conv2d``, ``add``, also of what adds in place or by an operator."""
    path: str
    """Of the module that is running."""
    source: Source | None
    inputs: list[int]
    """The operations that made what it takes of what depends on the input; −1 for the model's inputs themselves."""
    weights: list[torch.Tensor] = field(default_factory=list)
    """What it takes that depends on the model alone."""

    @property
    def multiplies(self) -> bool:
        """Whether it sums products of weights with what came from the input."""
        return self.name in MULTIPLYING and any(weight.dim() > 1 for weight in self.weights)


See = Callable[[Operation, tuple[Any, ...], dict[str, Any], Any], None]
Before = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


class Watch:
    """Tells `see` of every function that a recorded pass calls and that makes tensors, when it has returned.

    `before` is told of every function, with its arguments, before it runs.
    """

    def __init__(self, recorder: Recorder, inputs: Any, see: See, before: Before | None = None):
        self._recorder = recorder
        self._see = see
        self._before = before
        self.made = {id(tensor): -1 for tensor in tensors_in(inputs)}
        """Who made a tensor that is alive, by its identity: an identity is taken again only by what a call makes."""
        self.operations: list[Operation] = []
        recorder.run = self._run

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
            maker = self.made.get(id(tensor))
            if maker is None:
                weights.append(tensor)
            else:
                inputs.append(maker)
        operation = Operation(len(self.operations), name, running.path, running.source, inputs, weights)
        self.operations.append(operation)
        for tensor in made:
            if not inputs:
                self.made.pop(id(tensor), None)
                continue
            self.made[id(tensor)] = operation.number
            base = tensor._base
            if base is not None and id(base) not in self.made:
                self.made[id(base)] = operation.number
        self._see(operation, args, kwargs, outputs)
        return result


def name_of(func: Any) -> str:
    """A function's bare name: ``add`` for ``torch.add``, ``x.add_`` and ``+=``; of a property its own."""
    name = getattr(func, "__name__", "")
    if name == "__get__":
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    bare = name.strip("_")
    return bare[1:] if bare in _REFLECTED or bare in _IN_PLACE else bare

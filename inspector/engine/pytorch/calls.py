"""What a pass called: records of modules and functions, and the ways through them."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from inspector.core.table import FormulaLine, ReceptiveField, Source
from inspector.engine.pytorch.nested import shapes_of, tensors_in
from inspector.engine.pytorch.places import holdings_of, places_of


class CallRecord:
    """One call of a module or a function."""

    place: str
    """Where the caller knows the module, if it is registered in several places; else its path."""
    places: list[str]
    """Every place where the module is registered."""
    inputs: list[torch.Tensor]
    """While the call runs."""
    output_bytes: int | None = None
    made_bytes: int | None = None
    """Of the memory that its outputs are the first to use; None where it has children, which made it."""
    dtype: str | None = None
    device: str | None = None
    source: Source | None = None
    formula: list[FormulaLine] | None = None
    field: Callable[[], ReceptiveField | None] | None = None
    """Tells the receptive field; to be asked after the pass, which may yet find out which axes are spatial."""
    flops: int | None = None
    """Of its own operations, without those of its children; None where none has a formula."""
    failed: bool = False
    started: float = 0.0
    seconds: float | None = None
    nested_seconds: float = 0.0
    measured: Any = None

    def __init__(self, path: str, type_: str, module: nn.Module | None, inputs: Any) -> None:
        self.path = path
        """A module's name in ``named_modules()``; a function's caller's."""
        self.place = path
        self.places = [path]
        self.type = type_
        self.module = module
        """The module called; None for a function."""
        self.is_function = module is None
        self.is_torch_leaf = is_torch_leaf(module)
        self.is_opaque = isinstance(module, torch.jit.ScriptModule)
        """Whether it calls its modules without Python seeing it."""
        self.children: list[CallRecord] = []
        """Functions it called, and calls of modules registered below it, in order."""
        self.called: list[CallRecord] = []
        """The modules it called itself, wherever they are registered."""
        self.inputs = list(tensors_in(inputs))
        self.input_shapes = shapes_of(self.inputs)
        self.input_ids = list(map(id, self.inputs))
        """Who made a tensor is worked out after a failure, from these and `output_ids`, in the order of the calls."""
        self.output_shapes: list[list[int]] = []
        self.output_ids: list[int] = []


class FailedCall:
    """The function call in which a pass failed, with its operands."""

    __slots__ = ("args", "func", "keys", "kwargs", "problem")

    def __init__(self, problem: BaseException, func: Any, args: Any, kwargs: Any, model: nn.Module) -> None:
        self.problem = problem
        self.func = func
        self.args = args
        self.kwargs = kwargs
        # Now, while stand-ins on meta may be in the places of the model's tensors.
        self.keys = {id(holding.tensor): holding.key for holding in holdings_of(places_of(model))}
        """Of the model's own tensors by their id, the keys."""


def calls_of(root: CallRecord | None) -> Iterator[CallRecord]:
    """A call and all below it, each before those that it made, in their order."""
    waiting = [root] if root is not None else []
    while waiting:
        call = waiting.pop()
        yield call
        waiting += reversed(call.children)


def made_by(call: CallRecord) -> list[CallRecord]:
    """The functions and modules that a call called itself."""
    return [below for below in call.children if below.is_function] + call.called


def callers_first(root: CallRecord | None) -> Iterator[CallRecord]:
    """A call and all that it led to, each after the one that made it."""
    waiting = [root] if root is not None else []
    while waiting:
        call = waiting.pop()
        yield call
        waiting += made_by(call)


def take_flops(known: CallRecord | None, call: CallRecord) -> None:
    """Give a pass the operations counted in another one, if both made the same calls on the same shapes."""
    pairs = [(known, call)]
    for old, new in pairs:
        if old is None or (old.path, old.type, old.input_shapes) != (new.path, new.type, new.input_shapes):
            return
        if len(old.children) != len(new.children):
            return
        pairs += zip(old.children, new.children, strict=True)
    for old, new in pairs:
        new.flops = old.flops if old is not None else None


Key = tuple[str, str, int]
"""A call: the path of its module, its type, and which of those alike in the order in which they finish."""


class FinishedCalls:
    """Keys for the calls of one pass as they finish: the same in every pass that makes the same calls."""

    def __init__(self) -> None:
        self._numbers = Counter[tuple[str, str]]()

    def key(self, call: CallRecord) -> Key:
        """Of a call that has just finished."""
        self._numbers[call.path, call.type] += 1
        return call.path, call.type, self._numbers[call.path, call.type]


def is_torch_leaf(module: nn.Module | None) -> bool:
    """Whether a module is one of torch's own layers without children: its functions are the layer itself."""
    return module is not None and not module._modules and type(module).__module__.startswith("torch.")

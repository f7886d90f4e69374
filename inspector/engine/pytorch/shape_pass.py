"""One pass that works out shapes: on meta tensors, without arithmetic or memory; for real where values are needed.

Meta copies of the model's tensors stand in for them during the pass; the model itself stays where it is.
(`FakeTensorMode` would do the same, but its first use costs 1.1 s beside the 1.2 s of importing torch.)

The first activation on meta imports sympy and torch's compiler, 0.75 s together, so a model that surely runs faster
than that is run for real at once.
"""

import contextlib
import copy
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedBuffer, is_lazy

from inspector.core.collection import no_collection
from inspector.engine.pytorch.calling import Arguments, call_model, looked_through
from inspector.engine.pytorch.meta_calls import MetaCalls
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.places import modules_of, own_buffers, own_parameters
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.stand_ins import as_meta, stand_ins, values_are_missing
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.random_state import seeded

CHEAP_MULTIPLICATIONS = 300_000_000
"""A real pass below this bound takes some hundredths of a second on one core."""
AFFORDABLE_MULTIPLICATIONS = 500_000_000_000
"""A real pass below this bound takes some seconds at most; most take far less, as inner tensors are smaller."""
MOST_POSITIONS_OF_A_MATRIX = 1024


def meta_pass(model: nn.Module, arguments: Arguments, recorder: Recorder, device: str, seed: int) -> Any:
    """Run `model` on meta stand-ins for its tensors and inputs; return its output.

    Raises NeedsValuesError where the model's control flow needs values, else whatever its forward raises.
    """
    on_meta = with_tensors(arguments, as_meta)
    recorder.run = MetaCalls(torch.device(device), recorder.counter)
    with (
        no_collection(),
        untouched(model) as modules,
        looked_through(modules),
        stand_ins(modules),
        seeded(seed),
        torch.no_grad(),
        values_are_missing(),
        recorder,
    ):
        return call_model(model, on_meta)


def real_pass(model: nn.Module, arguments: Arguments, recorder: Recorder, seed: int) -> Any:
    """Run `model` on the inputs' values, leaving the model as it was; return its output."""
    with untouched(model, values=True) as modules, looked_through(modules), seeded(seed):
        try:
            with torch.no_grad(), recorder:
                return call_model(model, arguments)
        except RuntimeError as problem:
            # A model that differentiates inside its forward needs gradients on.
            if "does not require grad" not in str(problem):
                raise
            with torch.enable_grad(), recorder:
                return call_model(model, arguments)


def is_cheap(model: nn.Module, arguments: Arguments, bound: int = CHEAP_MULTIPLICATIONS) -> bool:
    """Whether a real pass on the CPU costs next to nothing, by a `bound` on its multiplications.

    A kernel is applied once at every position of the largest input; a matrix at no more than some positions, since a
    model flattens or cuts into patches what it gives to one.
    """
    inputs = list(tensors_in(arguments))
    if any(tensor.device.type != "cpu" for tensor in inputs):
        return False
    positions = max(map(_positions, inputs), default=1)
    if positions > bound:
        return False
    multiplications = 0
    counted: set[int] = set()
    for tensor in (tensor for module in modules_of(model) for tensor in own_parameters(module)):
        if id(tensor) in counted or is_lazy(tensor):
            continue
        counted.add(id(tensor))
        applied = positions if tensor.ndim > 2 else min(positions, MOST_POSITIONS_OF_A_MATRIX)
        multiplications += tensor.numel() * applied
        if multiplications > bound or tensor.device.type != "cpu":
            return False
    return True


def _positions(tensor: torch.Tensor) -> int:
    return tensor.numel() // (tensor.shape[1] or 1) if tensor.ndim > 2 else tensor.numel()


def has_lazy(model: nn.Module) -> bool:
    """Whether a forward would still make lazy modules ordinary; loading gives shapes to their tensors only."""
    for module in modules_of(model):
        if isinstance(module, LazyModuleMixin) or any(map(is_lazy, own_parameters(module) + own_buffers(module))):
            return True
    return False


def materialised_copy(model: nn.Module, arguments: Arguments, seed: int) -> nn.Module:
    """A copy whose lazy parameters have the shapes, and the values, that a forward on these inputs gives them.

    Where that forward fails, those that it reached.
    """
    # An uninitialised buffer cannot copy itself as an uninitialised parameter can.
    buffers = [buffer for buffer in model.buffers() if is_lazy(buffer)]
    memo: dict[int, Any] = {}
    for buffer in buffers:
        # torch's stub does not know the arguments of its constructor.
        memo[id(buffer)] = UninitializedBuffer(device=buffer.device, dtype=buffer.dtype)  # type: ignore[call-arg]
    made = copy.deepcopy(model, memo)
    materialise(made, arguments, seed)
    return made


def materialise(model: nn.Module, arguments: Arguments, seed: int) -> None:
    """Let a forward give the lazy parameters their shapes; what else it does to the model is put back."""
    with modes_kept(model), seeded(seed), torch.no_grad(), contextlib.suppress(Exception):
        # No running statistics are updated then, and BatchNorm takes a single sample.
        model.eval()
        call_model(model, arguments)

"""What each use of a parameter adds to its gradient, where there are several: ties, shared and recurrent layers.

Autograd only keeps the sum. In a pass of its own every function that takes such a parameter is handed a fresh view of
it instead; the gradient of the view is the part of that use.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.errors import NO_FAILURES
from inspector.core.results import GradientUse, TensorGradient
from inspector.core.table import Row, Tensor
from inspector.core.wording import things
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.calls import CallRecord, calls_of
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded

MOST_KEPT = 1 << 28
"""Elements of the parts that are kept at a time."""
ROUNDING = 1e-2
"""Relative difference between the gradient and the sum of its parts that rounding explains, of half precisions too."""
_VIEWS = ("T", "mT", "H", "mH", "real", "imag")
_NO_USE = ("register_hook", "retain_grad", "backward", "detach", "numel", "size", "dim", "stride", "data_ptr")


def with_uses(
    gradients: list[TensorGradient],
    model: nn.Module,
    draw: Callable[[], Arguments],
    seed: int,
    rows: Sequence[Row],
    tensors: Sequence[Tensor],
) -> list[TensorGradient]:
    """The gradients, those of parameters with several uses with the part of each; the model is as before afterwards.

    `draw` gives the arguments of the pass that gave the gradients, whose own the model may have changed; `rows` are
    that pass's. Costs a second pass where there are such parameters.
    """
    parameters = _used_often(model, rows, tensors)
    reached = {one.key for one in gradients if one.gradient is not None}
    parameters = {key: parameter for key, parameter in parameters.items() if key in reached}
    if not parameters:
        return gradients
    pass_ = _PartsOfGradients(model, list({id(one): one for one in parameters.values()}.values()))
    try:
        found = pass_.run(draw(), seed)
    except NO_FAILURES:
        raise
    except Exception as problem:  # whatever the user's model raises when it is given views
        found, pass_.problem = {}, f"{type(problem).__name__} in the pass that looks for them"
    return [
        msgspec.structs.replace(one, **_told(found.get(id(parameters[one.key])), pass_.problem))
        if one.key in parameters
        else one
        for one in gradients
    ]


def _used_often(model: nn.Module, rows: Sequence[Row], tensors: Sequence[Tensor]) -> dict[str, nn.Parameter]:
    """Parameters that may be used more than once: tied ones, and those of modules that are called again."""
    again = {row.path for row in rows if row.kind == "module" and row.call}
    tied = {tensor.key for tensor in tensors if tensor.tied_to}
    return {
        key: parameter
        for key, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.requires_grad and (key in tied or key.rpartition(".")[0] in again)
    }


def _told(uses: list[GradientUse] | None, problem: str) -> dict[str, Any]:
    if uses is None:
        return {"sum_note": f"the sum over its uses; the part of each is not known: {problem}"}
    if len(uses) == 1:
        return {"sum_note": "used once", "gradient_uses": None}
    return {"sum_note": f"the sum over {things(len(uses), 'use')}", "gradient_uses": uses}


class _PartsOfGradients:
    """One forward and backward pass in which each use of some parameters has a gradient of its own."""

    def __init__(self, model: nn.Module, parameters: list[nn.Parameter]) -> None:
        self.model = model
        self.parameters = parameters
        self.problem = ""

    def run(self, arguments: Arguments, seed: int) -> dict[int, list[GradientUse]]:
        """The uses of each parameter, by its identity; without those whose parts do not add up to the gradient."""
        recorder = Recorder(self.model)
        uses = _Uses(self.parameters, lambda: recorder.running)
        with untouched(self.model, values=True), seeded(seed):
            for parameter in self.parameters:
                parameter.grad = None
            # The recorder is asked first: it has to see the user's own line.
            with uses, recorder:
                output = call_model(self.model, arguments)
            objective = objective_of(output, seed)
            if objective is None:
                return {}
            torch.autograd.backward(objective, inputs=self.parameters)
            if uses.kept > MOST_KEPT:
                self.problem = "the parts are too large to be kept"
                return {}
            self.problem = "not every use can be seen"
            numbers = _numbers(recorder.root)
            return {
                id(parameter): [_use(part, parameter.grad, numbers) for part in parts]
                for parameter in self.parameters
                if parameter.grad is not None and _add_up(parts := uses.parts_of(parameter), parameter.grad)
            }


class _Part:
    """A use of a parameter; its gradient once the backward pass has come there."""

    def __init__(self, call: CallRecord | None) -> None:
        self.call = call
        self.gradient: torch.Tensor | None = None


class _Uses(TorchFunctionMode):
    """Hands out a view of a parameter at each use."""

    def __init__(self, parameters: list[nn.Parameter], running: Callable[[], CallRecord | None]) -> None:
        super().__init__()
        self._parts: dict[int, list[_Part]] = {id(parameter): [] for parameter in parameters}
        self._running = running
        self.kept = 0

    def parts_of(self, parameter: nn.Parameter) -> list[_Part]:
        """Its uses that a gradient came through, in order of execution."""
        return [part for part in self._parts[id(parameter)] if part.gradient is not None]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.is_grad_enabled() and _is_use(func, kwargs):
            given = (args, kwargs)
            if any(id(tensor) in self._parts for tensor in tensors_in(given)):
                args, kwargs = with_tensors(given, self._seen)
        return func(*args, **kwargs)

    def _seen(self, tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in self._parts:
            return tensor
        part = _Part(self._running())
        self._parts[id(tensor)].append(part)
        view = tensor.view_as(tensor)

        def keep(gradient: torch.Tensor) -> None:
            self.kept += gradient.numel()
            if self.kept <= MOST_KEPT:
                part.gradient = gradient.detach()

        view.register_hook(keep)
        return view


def _is_use(func: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a function may read its arguments' values for a result that has a gradient, and changes none of them."""
    name = getattr(func, "__name__", "")
    if name == "__get__":
        return getattr(getattr(func, "__self__", None), "__name__", "") in _VIEWS
    in_place = name.endswith("_") and not name.endswith("__")
    return not in_place and name not in ("__set__", "__setitem__", *_NO_USE) and kwargs.get("out") is None


def _numbers(root: CallRecord | None) -> dict[int, int]:
    """By the identity of a record, which call of its row it is, as the table counts."""
    counts: Counter[tuple[str, str]] = Counter()
    numbers = {}
    for call in calls_of(root):
        numbers[id(call)] = counts[call.path, call.type]
        counts[call.path, call.type] += 1
    return numbers


def _add_up(parts: list[_Part], gradient: torch.Tensor) -> bool:
    if not parts:
        return False
    whole = _dense(gradient)
    rest = whole - sum(_dense(part.gradient) for part in parts if part.gradient is not None)
    return bool(rest.norm() <= ROUNDING * whole.norm())


def _use(part: _Part, gradient: torch.Tensor, numbers: dict[int, int]) -> GradientUse:
    assert part.gradient is not None
    own, whole = _dense(part.gradient), _dense(gradient)
    square = float((whole.abs() ** 2).sum())
    call = part.call
    return GradientUse(
        path=call.path if call is not None else "",
        call=numbers.get(id(call), 0),
        type=call.type if call is not None else "",
        norm=float(own.norm()),
        share=float((own * whole.conj()).sum().real) / square if square else None,
    )


def _dense(gradient: torch.Tensor) -> torch.Tensor:
    values = gradient.to_dense() if gradient.layout != torch.strided else gradient
    return values if values.is_complex() else values.double()

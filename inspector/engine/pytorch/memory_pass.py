"""Passes that find out how much memory a model takes: on meta, where they take neither memory nor arithmetic.

Storages on meta have sizes as real ones have, and are given back at the same moments, so the most that is in use is
found as it happens: in inference without gradients, in training through forward, backward and the optimizer's step.
A model whose control flow needs values is run for real, on a copy.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from inspector.core.memory import Use
from inspector.engine.pytorch.calling import Arguments, call_model, looked_through
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.gpu_kernels import Run, gpu_attention, with_gpu_dropout
from inspector.engine.pytorch.live_storages import LiveStorages
from inspector.engine.pytorch.meta_calls import MetaCalls
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.stand_ins import as_meta, stand_ins, values_are_missing
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.random_state import seeded

Phase = Literal["forward", "backward"]
Moment = tuple[Phase, CallRecord | None]


class NothingToTrainError(Exception):
    """No output depends on any parameter in a differentiable way."""


@dataclass(frozen=True)
class Held:
    """What is there before a pass begins, and stays."""

    parameters: list[torch.Tensor]
    buffers: list[torch.Tensor]
    """And what modules hold without having registered it."""
    inputs: list[torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one pass found."""

    root: CallRecord | None
    held: Held
    peak: int
    """The most bytes in use at once."""
    at: Moment
    """What ran then."""
    uses: dict[Use, int]
    """What they were in use for."""
    saved: dict[int, int]
    """By the identity of a call's record, the bytes that this call was the first to keep for the backward pass."""
    after: dict[Use, int]
    """What is in use in the end."""
    trained: int
    """The bytes of the parameters that got a gradient."""


def memory_pass(
    model: nn.Module, arguments: Arguments, training: bool, dtype: torch.dtype | None, device: str, seed: int
) -> Ran:
    """Run `model` on stand-ins of this floating dtype and tell the memory; with `training` also backward.

    Raises NeedsValuesError where the control flow needs values, NothingToTrainError, else what the model raises.
    """
    meta = with_tensors(arguments, as_meta)
    run = with_gpu_dropout(MetaCalls(torch.device(device), None, repeated=False))
    with (
        untouched(model) as modules,
        modes_kept(model),
        looked_through(modules),
        stand_ins(modules, dtype, for_meta_too=True),
        gpu_attention(),
        seeded(seed),
        values_are_missing(),
    ):
        return _passed(model, _cast(meta, dtype), training, run)


def real_memory_pass(
    model: nn.Module, arguments: Arguments, training: bool, dtype: torch.dtype | None, seed: int
) -> Ran:
    """The same on real values, on a copy of the model. Raises NothingToTrainError, else what the model raises."""
    copied = copy.deepcopy(model)
    if dtype is not None:
        copied = copied.to(dtype)
    with seeded(seed):
        return _passed(copied, _cast(arguments, dtype), training, _plainly)


def _plainly(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


def _cast(arguments: Arguments, dtype: torch.dtype | None) -> Arguments:
    def cast(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

    made: Arguments = with_tensors(arguments, cast)
    return made


def _passed(model: nn.Module, arguments: Arguments, training: bool, run: Run) -> Ran:
    model.train(training)
    inputs = list(tensors_in(arguments))
    held = Held(list(model.parameters()), [*model.buffers(), *_unregistered(model)], inputs)
    watch = _Watch(model, held)
    watch.recorder.run = run
    if not training:
        with torch.no_grad(), watch.recorder, watch.live:
            output = call_model(model, arguments)
    else:
        with torch.enable_grad(), saved_tensors_hooks(watch.keep, watch.take):
            with watch.recorder, watch.live:
                output = call_model(model, arguments)
            with _Calling(run), watch.live:
                watch.backward(output)
    found = watch.found()
    # Only now: whoever calls a model keeps its output through the backward pass.
    del output
    return found


def _unregistered(model: nn.Module) -> list[torch.Tensor]:
    """Tensors that modules hold as plain attributes."""
    held = [value for module in model.modules() for value in module.__dict__.values()]
    return [value for value in held if type(value) is torch.Tensor]


class _Calling(TorchFunctionMode):
    """What a backward pass calls again goes the way of the forward pass."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._run(func, args, kwargs or {})


class _Watch:
    """Watches one pass: who keeps what for the backward pass, and what runs when most memory is in use."""

    def __init__(self, model: nn.Module, held: Held) -> None:
        self.recorder = Recorder(model, measure=self._mark)
        self.live: LiveStorages[Moment] = LiveStorages(self._moment)
        self._held = held
        self._saved: dict[int, int] = {}
        self._is_backward = False
        self._backward_in: CallRecord | None = None
        uses: list[tuple[Use, list[torch.Tensor]]] = [
            ("parameters", held.parameters),
            ("buffers", held.buffers),
            ("inputs", held.inputs),
        ]
        for use, tensors in uses:
            for tensor in tensors:
                self.live.follow(tensor, use)

    def _moment(self) -> Moment:
        return ("backward", self._backward_in) if self._is_backward else ("forward", self.recorder.running)

    def keep(self, tensor: torch.Tensor) -> tuple[torch.Tensor, CallRecord | None]:
        """An operation keeps a tensor for the backward pass."""
        call = self.recorder.running
        with torch._C.DisableTorchFunction():
            if self.live.use_of(tensor) == "other":
                size = self.live.put_to("saved", tensor)
                if not self._is_backward and call is not None:
                    self._saved[id(call)] = self._saved.get(id(call), 0) + size
        return tensor, call

    def take(self, kept: tuple[torch.Tensor, CallRecord | None]) -> torch.Tensor:
        """The backward pass of a call takes what it has kept, so it is running now."""
        tensor, call = kept
        self._enter(call)
        return tensor

    def _mark(self, call: CallRecord, output: Any) -> None:
        """Let the last node that a call made tell when its backward pass begins: it may have kept nothing."""
        if call.children or call.called:
            return
        for tensor in tensors_in(output):
            if tensor.grad_fn is not None:
                tensor.grad_fn.register_prehook(self._entering(call))

    def _entering(self, call: CallRecord) -> Callable[[Any], None]:
        return lambda _: self._enter(call)

    def _enter(self, call: CallRecord | None) -> None:
        if self._is_backward:
            self._backward_in = call or self._backward_in

    def backward(self, output: Any) -> None:
        """From a loss of the outputs. Raises NothingToTrainError where none depends on a parameter."""
        outputs = list({id(tensor): tensor for tensor in tensors_in(output) if tensor.requires_grad}.values())
        if not outputs:
            raise NothingToTrainError
        self._is_backward = True
        for parameter in self._held.parameters:
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(self._accumulated)
        _Loss.apply(*outputs).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated

    def _accumulated(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self.live.put_to("gradients", parameter.grad)

    def found(self) -> Ran:
        """What the pass came to."""
        at, uses = self.live.at_most or (("forward", None), self.live.in_use)
        trained = [tensor for tensor in self._held.parameters if tensor.grad is not None]
        return Ran(
            root=self.recorder.root,
            held=self._held,
            peak=self.live.most,
            at=at,
            uses=uses,
            saved=self._saved,
            after=dict(self.live.in_use),
            trained=sum(tensor.numel() * tensor.element_size() for tensor in trained),
        )


class _Loss(torch.autograd.Function):
    """A number made from outputs that keeps nothing, and gives back a gradient of each output's size."""

    @staticmethod
    def forward(ctx: Any, *outputs: torch.Tensor) -> torch.Tensor:
        ctx.shapes = [tensor.shape for tensor in outputs]
        ctx.empty = [tensor.new_empty(0) for tensor in outputs]
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return tuple(empty.new_zeros(shape) for empty, shape in zip(ctx.empty, ctx.shapes, strict=True))

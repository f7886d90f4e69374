"""What an initialisation does to the scale of the signal, measured: a pass before, a pass with the new values."""

import math
from typing import Any

import torch
from msgspec import structs
from torch import nn
from torch.nn import functional

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.results import InitPreview, InitTarget, LayerScale
from inspector.core.table import Row, Tensor
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.editing import apply_initialise, mean_square
from inspector.engine.pytorch.experiments.batches import MOST, passed, samples_in, unmeasured, with_samples
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.shape_pass import has_lazy
from inspector.engine.pytorch.slots import Slot, slots_of

ELEMENTS = 100_000
"""Of an input that is made larger, so that a pass takes no longer than a moment."""
_SUMMING = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.modules.conv._ConvNd)
"""Layers that put out what their weight makes of the input, and a bias."""


def with_trial(
    preview: InitPreview, edit: Edit, subject: Subject, tensors: list[Tensor], rows: list[Row]
) -> InitPreview:
    """The preview with the scales of a pass before and a pass after; the model is as before at the end.

    Where the model cannot be run, the preview says why instead.
    """
    if has_lazy(subject.module):
        return structs.replace(preview, measured="not measured: some tensors have no shape yet; run a pass first")
    try:
        return _measured(preview, edit, subject, tensors, rows)
    except RequestError as problem:
        return structs.replace(preview, measured=f"not measured: {problem}")


def _measured(
    preview: InitPreview, edit: Edit, subject: Subject, tensors: list[Tensor], rows: list[Row]
) -> InitPreview:
    known = {tensor.key: tensor for tensor in tensors}
    slots, _ = slots_of(subject.module, [known[target.key] for target in preview.targets])
    arguments, drawn = larger_arguments(subject)
    before = _pass(subject, arguments, slots)
    _, _, undo = apply_initialise(subject.module, edit, tensors, rows)
    try:
        after = _pass(subject, arguments, slots)
        windows = {slot.key: _windowed(slot, after[slot.key].input_shape) for slot in slots if slot.key in after}
    finally:
        undo()
    targets = []
    for target in preview.targets:
        made = structs.replace(
            target,
            scale_before=_scale(before, target.key),
            scale_after=_scale(after, target.key),
        )
        targets.append(_with_borders(made, windows.get(target.key)))
    return structs.replace(preview, targets=targets, measured=f"measured on {drawn}, seed {subject.seed}")


def larger_arguments(subject: Subject) -> tuple[Arguments, str]:
    """Arguments of many samples and what they are, where the model takes them; else those that it is called with."""
    specs = subject.specs
    size = samples_in(specs)
    if size is not None:
        elements = sum(math.prod(spec.shape) for spec in specs if spec.shape)
        count = max(size, min(MOST, ELEMENTS * size // max(elements, 1)))
        larger = subject.arguments(specs=with_samples(specs, count))
        try:
            passed(lambda: subject.run(larger, training=unmeasured))
        except RequestError:
            if count == size:
                raise
        else:
            return larger, f"a batch of {count}"
    return subject.arguments(), "the input as it is"


def _scale(seen: dict[str, "_Seen"], key: str) -> LayerScale | None:
    return seen[key].scale() if key in seen else None


def _with_borders(target: InitTarget, window: tuple[float, float] | None) -> InitTarget:
    if window is None or target.forward is None:
        return target
    return structs.replace(target, forward=window[0], backward=window[1])


class _Seen:
    """What the first call of one slot's layer took and made."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.input_shape: list[int] = []
        self._input: float | None = None
        self._made: float | None = None
        self._std: float | None = None
        self.arriving: torch.Tensor | None = None
        self.alias: torch.Tensor | None = None
        self.leaving: torch.Tensor | None = None

    def enter(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Give the layer an alias of its input, whose gradient is what comes through this layer alone."""
        if self.input_shape or not args or not isinstance(args[0], torch.Tensor):
            return None
        given = args[0]
        self.input_shape = list(given.shape)
        if not given.is_floating_point():
            self._input = 1.0
            return None
        self._input = math.sqrt(mean_square(given))
        self.alias = given.view_as(given) if given.requires_grad else given.detach().requires_grad_(True)
        weight = self.slot.read()
        if not isinstance(self.slot.owner, _SUMMING) and weight.dim() == 2 and weight.shape[1] == given.shape[-1]:
            with torch.no_grad():
                self._made = math.sqrt(mean_square(functional.linear(given.detach(), weight.to(given))))
        return (self.alias, *args[1:]), kwargs

    def leave(self, module: nn.Module, _args: Any, output: Any) -> None:
        """Measure the output, and wait for its gradient."""
        made = next((one for one in tensors_in(output) if one.is_floating_point()), None)
        if made is None or self._std is not None:
            return
        detached = made.detach()
        self._std = float(detached.double().std(unbiased=False))
        if isinstance(module, _SUMMING):
            self._made = math.sqrt(mean_square(detached - _bias(module, detached)))
        if made.requires_grad:
            made.register_hook(self._arrive)

    def _arrive(self, gradient: torch.Tensor) -> None:
        self.arriving = gradient.detach()

    def scale(self) -> LayerScale:
        arriving = None if self.arriving is None else math.sqrt(mean_square(self.arriving))
        leaving = None if self.leaving is None else math.sqrt(mean_square(self.leaving))
        weighs = self.slot.like.dim() > 1
        backward = weighs and leaving is not None and arriving and isinstance(self.slot.owner, _SUMMING)
        return LayerScale(
            output_std=self._std,
            gradient_std=None if self.arriving is None else float(self.arriving.double().std(unbiased=False)),
            forward=self._made / self._input if weighs and self._made is not None and self._input else None,
            backward=leaving / arriving if backward and leaving is not None and arriving else None,
        )


def _bias(module: nn.Module, output: torch.Tensor) -> torch.Tensor | float:
    """A layer's bias in the shape of its output's channels; 0 where it has none."""
    bias = getattr(module, "bias", None)
    if not isinstance(bias, torch.Tensor):
        return 0.0
    trailing = len(module.kernel_size) if isinstance(module, nn.modules.conv._ConvNd) else 0
    return bias.detach().reshape(-1, *[1] * trailing)


def _pass(subject: Subject, arguments: Arguments, slots: list[Slot]) -> dict[str, _Seen]:
    """One pass forward and backward, and what it made of each slot's layer that it reached."""
    seen = [_Seen(slot) for slot in slots]
    handles = []

    def backward(output: Any) -> None:
        objective = objective_of(output, subject.seed)
        if objective is None:
            return
        aliases = [one for one in seen if one.alias is not None]
        own = {id(value): value for one in seen for value in one.slot.stored if value.requires_grad and value.is_leaf}
        wanted = [one.alias for one in aliases if one.alias is not None]
        if wanted or own:
            gradients = torch.autograd.grad(objective, [*wanted, *own.values()], allow_unused=True)
            for one, gradient in zip(aliases, gradients, strict=False):
                one.leaving = None if gradient is None else gradient.detach()

    try:
        for one in seen:
            handles.append(one.slot.owner.register_forward_pre_hook(one.enter, with_kwargs=True))
            handles.append(one.slot.owner.register_forward_hook(one.leave))
        passed(lambda: subject.run(arguments, training=unmeasured, grad=True, then=backward))
    finally:
        for handle in handles:
            handle.remove()
    return {one.slot.key: one for one in seen if one.input_shape}


def _windowed(slot: Slot, input_shape: list[int]) -> tuple[float, float] | None:
    """A convolution's predicted scale on inputs of this shape: what lies beyond the border is not summed."""
    layer, weight = slot.owner, slot.read()
    if not isinstance(layer, nn.modules.conv._ConvNd) or slot.attribute != "weight":
        return None
    squares = weight.double().square()
    ones = torch.ones(input_shape[-len(layer.kernel_size) - 1 :], dtype=torch.float64, device=weight.device)[None]
    with torch.enable_grad():
        ones.requires_grad_(True)
        if layer.transposed:
            transpose = getattr(functional, f"conv_transpose{len(layer.kernel_size)}d")
            places = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
            summed = transpose(ones, squares, None, *places)
        else:
            summed = layer._conv_forward(ones, squares, None)
        (back,) = torch.autograd.grad(summed.sum(), ones)
    return math.sqrt(float(summed.detach().mean())), math.sqrt(float(back.mean()))

"""Slots: the tensors of a module that can be given new values, and how each takes them.

Most are copied into. A parametrized weight is computed anew at every use, so that writing to it changes nothing: its
values go through the parametrization's ``right_inverse``; those of the older `weight_norm` into ``weight_g`` and
``weight_v``.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from inspector.core.fans import Layout
from inspector.core.table import Tensor
from inspector.engine.pytorch.places import Holding, Place, holdings_of, identity, places_of

SETTLING_PASSES = 15
"""Power iterations that a spectral norm's vectors get on a new weight; torch itself begins with as many."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One tensor that can be given new values."""

    key: str
    position: int
    """In the selection; the seed of its values depends on it."""
    owner: nn.Module
    """The layer that uses the tensor."""
    attribute: str
    """The tensor's name there: ``weight``, also where only ``weight_orig`` is registered."""
    parent: nn.Module | None
    """The module that holds the owner."""
    like: torch.Tensor
    """A tensor of the shape and dtype to draw."""
    stored: list[torch.Tensor]
    """All tensors whose values an assignment changes."""
    tied_to: list[str]
    read: Callable[[], torch.Tensor]
    """The values that the layer computes with, detached."""
    assign: Callable[[torch.Tensor], None]
    try_on: Callable[[torch.Tensor], torch.Tensor]
    """What `read` would give after an assignment, which is not made."""
    refresh: Callable[[], None] = lambda: None
    """Compute anew what the layer derives from the stored tensors between passes."""
    note: str = ""


def slots_of(model: nn.Module, selected: list[Tensor]) -> tuple[list[Slot], list[tuple[str, str]]]:
    """The slots behind the selected tensors, tied ones once, and the keys that have none with the reason."""
    places = places_of(model)
    holdings = {holding.key: holding for holding in holdings_of(places)}
    slots: list[Slot] = []
    skipped: list[tuple[str, str]] = []
    seen: set[object] = set()
    for position, tensor in enumerate(selected):
        holding = holdings.get(tensor.key)
        if holding is None:
            skipped.append((tensor.key, "not in the model any more"))
            continue
        mark = _assigned_together(holding, places) or identity(holding.tensor)
        if mark in seen:
            continue
        seen.add(mark)
        found = closed_because(holding.tensor) or _slot(tensor, position, holding, places)
        if isinstance(found, str):
            skipped.append((tensor.key, found))
        else:
            slots.append(found)
    return slots, skipped


def layout_of(slot: Slot) -> Layout:
    """How the owner uses the tensor, for its fans."""
    owner = slot.owner
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag):
        return Layout(kind="lookup")
    if isinstance(owner, nn.modules.conv._ConvNd) and slot.attribute == "weight":
        kind = "transposed" if owner.transposed else "output_first"
        return Layout(kind=kind, groups=owner.groups, stride=[int(step) for step in owner.stride])  # type: ignore[arg-type]  # one of two literals
    return Layout(blocks=_blocks(owner, slot.attribute))


def _blocks(owner: nn.Module, name: str) -> int:
    """How many weights of their own lie one below the other in a tensor that torch counts as one."""
    if isinstance(owner, nn.MultiheadAttention):
        return 3 if name == "in_proj_weight" else 1
    if not name.startswith(("weight_ih", "weight_hh")):
        return 1
    if isinstance(owner, nn.LSTM | nn.LSTMCell):
        return 4
    return 3 if isinstance(owner, nn.GRU | nn.GRUCell) else 1


def closed_because(tensor: torch.Tensor) -> str | None:
    """Why a tensor cannot be written to at all."""
    if is_lazy(tensor):
        return "not initialised: no pass has given it a shape yet, run a pass first"
    if tensor.is_meta:
        return "on the meta device: it has no values to change; init --materialise, or d, gives it some"
    if tensor.is_quantized:
        return "quantised: its values are codes with a scale"
    if tensor.layout != torch.strided:
        return f"{str(tensor.layout).removeprefix('torch.')} layout: only dense tensors can be filled"
    if tensor.is_inference():
        return "made under torch.inference_mode(), so it cannot be changed in place"
    if any(size > 1 and step == 0 for size, step in zip(tensor.shape, tensor.stride(), strict=True)):
        return "expanded: several of its elements are one place in memory"
    return None


def _assigned_together(holding: Holding, places: list[Place]) -> object | None:
    """What stands for all tensors that one assignment writes: the parametrization, or the layer and its weight."""
    module = places[holding.place].module
    if isinstance(module, ParametrizationList):
        return id(module)
    hook = _hook(module, WeightNorm, holding.name, ("_g", "_v"))
    return (id(module), holding.name[:-2]) if hook else None


def _slot(tensor: Tensor, position: int, holding: Holding, places: list[Place]) -> Slot | str:
    place = places[holding.place]
    module = place.module
    if isinstance(module, ParametrizationList):
        above = places[place.parent or 0]
        return _parametrized(tensor, position, module, place, places[above.parent or 0], places)
    parent = None if place.parent is None else places[place.parent].module
    hook = _hook(module, WeightNorm, holding.name, ("_g", "_v"))
    if isinstance(hook, WeightNorm):
        return _weight_normed(tensor, position, module, hook, parent)
    for kind, make in ((BasePruningMethod, _pruned), (SpectralNorm, _spectral_normed)):
        hook = _hook(module, kind, holding.name, ("_orig",))
        if hook is not None:
            return make(_plain(tensor, position, holding, module, parent), hook)
    return _plain(tensor, position, holding, module, parent)


def _plain(tensor: Tensor, position: int, holding: Holding, owner: nn.Module, parent: nn.Module | None) -> Slot:
    value = holding.tensor
    return Slot(
        key=tensor.key,
        position=position,
        owner=owner,
        attribute=holding.name,
        parent=parent,
        like=value,
        stored=[value],
        tied_to=tensor.tied_to,
        read=lambda: value.detach(),
        assign=lambda drawn: _copy(drawn, value),
        try_on=lambda drawn: drawn.to(value.dtype),
    )


def _pruned(slot: Slot, hook: BasePruningMethod) -> Slot:
    name = slot.attribute.removesuffix("_orig")

    def refresh() -> None:
        setattr(slot.owner, name, hook.apply_mask(slot.owner))

    return replace(slot, attribute=name, refresh=refresh, note="then multiplied by the pruning mask")


def _spectral_normed(slot: Slot, hook: SpectralNorm) -> Slot:
    name, owner = hook.name, slot.owner
    vectors = [buffer for part in ("_u", "_v") if (buffer := owner._buffers.get(f"{name}{part}")) is not None]

    def assign(drawn: torch.Tensor) -> None:
        slot.assign(drawn)
        with torch.no_grad():
            for _ in range(SETTLING_PASSES):
                hook.compute_weight(owner, do_power_iteration=True)

    def refresh() -> None:
        setattr(owner, name, hook.compute_weight(owner, do_power_iteration=False))

    return replace(
        slot,
        attribute=name,
        stored=[*slot.stored, *vectors],
        assign=assign,
        refresh=refresh,
        note="then divided by its largest singular value",
    )


def _hook(module: nn.Module, kind: type, name: str, suffixes: tuple[str, ...]) -> Any:
    """The forward pre-hook of a kind that computes the tensor whose parts are called `name`, less a suffix."""
    for hook in module._forward_pre_hooks.values():
        computed = getattr(hook, "_tensor_name", None) or getattr(hook, "name", None)
        if isinstance(hook, kind) and name in [f"{computed}{suffix}" for suffix in suffixes]:
            return hook
    return None


def _copy(drawn: torch.Tensor, into: torch.Tensor) -> None:
    with torch.no_grad():
        into.copy_(drawn)


def _weight_normed(tensor: Tensor, position: int, owner: nn.Module, hook: WeightNorm, parent: nn.Module | None) -> Slot:
    magnitude, direction = owner._parameters[f"{hook.name}_g"], owner._parameters[f"{hook.name}_v"]
    assert magnitude is not None  # registered together with the hook
    assert direction is not None

    def assign(drawn: torch.Tensor) -> None:
        _copy(drawn, direction)
        _copy(torch.norm_except_dim(direction.detach(), 2, hook.dim), magnitude)

    def refresh() -> None:
        setattr(owner, hook.name, hook.compute_weight(owner))

    return Slot(
        key=tensor.key,
        position=position,
        owner=owner,
        attribute=hook.name,
        parent=parent,
        like=direction,
        stored=[magnitude, direction],
        tied_to=tensor.tied_to,
        read=lambda: torch._weight_norm(direction.detach(), magnitude.detach(), hook.dim),
        assign=assign,
        try_on=lambda drawn: drawn.to(direction.dtype),
        refresh=refresh,
        note=f"assigned to {hook.name} through weight_norm",
    )


def _parametrized(
    tensor: Tensor, position: int, steps: ParametrizationList, place: Place, above: Place, places: list[Place]
) -> Slot | str:
    missing = [type(step).__name__ for step in steps if not hasattr(step, "right_inverse")]
    if missing:
        return f"computed by {missing[0]}, which has no right_inverse: no values of its own would give the drawn ones"
    originals: list[torch.Tensor] = [
        value for name, value in steps._parameters.items() if value is not None and name.startswith("original")
    ]
    originals += [value for name, value in steps._buffers.items() if value is not None and name.startswith("original")]
    reasons = [reason for value in originals if (reason := closed_because(value))]
    if reasons:
        return reasons[0]
    try:
        like = effective(steps)
    except Exception as problem:  # the user's own parametrization
        return f"its parametrization cannot be computed: {type(problem).__name__}: {problem}"

    def try_on(drawn: torch.Tensor) -> torch.Tensor:
        trial = copy.deepcopy(steps)
        invert(trial, drawn.to(like))
        return effective(trial)

    return Slot(
        key=tensor.key,
        position=position,
        owner=above.module,
        attribute=place.name,
        parent=None if above.parent is None else places[above.parent].module,
        like=like,
        stored=[*steps.parameters(), *steps.buffers()],
        tied_to=tensor.tied_to,
        read=lambda: effective(steps),
        assign=lambda drawn: invert(steps, drawn.to(like)),
        try_on=try_on,
        note=f"assigned to {place.name} through its parametrization",
    )


def effective(steps: ParametrizationList) -> torch.Tensor:
    """What the parametrizations compute now, on a copy in eval mode: in train mode some change their own state."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        value: torch.Tensor = copy.deepcopy(steps).eval()()
    return value


def invert(steps: ParametrizationList, values: torch.Tensor) -> None:
    """Write to the originals what gives `values`; raises what the parametrization's right_inverse raises."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        inverse: torch.Tensor | tuple[torch.Tensor, ...] = values
        for step in reversed(list(steps)):
            inverse = step.right_inverse(inverse)  # type: ignore[operator]  # asked for in _parametrized
        several = [inverse] if isinstance(inverse, torch.Tensor) else list(inverse)
        names = ["original"] if steps.is_tensor else [f"original{at}" for at in range(len(several))]
        # Copied, where torch's own setter would replace the storage and with it ties and strides.
        for name, value in zip(names, several, strict=True):
            getattr(steps, name).copy_(value)
        _settle(steps)


def _settle(steps: ParametrizationList) -> None:
    """Let a spectral norm's singular vectors follow the new weight; in eval mode stale ones would scale it at will."""
    modes = [(module, module.training) for module in steps.modules()]
    if any(buffer.numel() for step in steps for buffer in step.buffers()):
        steps.train()
        for _ in range(SETTLING_PASSES):
            steps()
    for module, training in modes:
        module.training = training

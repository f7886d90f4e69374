"""Tensors on meta given memory and values: the edit `materialise`."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.wording import things
from inspector.engine.devices import existing_device
from inspector.engine.live import Undo
from inspector.engine.pytorch.editing import apply_initialise
from inspector.engine.pytorch.places import Holding, holdings_of, inventory_of, places_of
from inspector.engine.pytorch.structure import static_rows, submodule
from inspector.engine.pytorch.tensors import tensors_of

NAMED = 6


def apply_materialise(model: nn.Module, edit: Edit) -> tuple[list[str], str, Undo]:
    """Put the meta tensors at or below the module `edit.where` on a device, with the values that their layers draw.

    What no layer draws is NaN, or 0 where it cannot be, and is named. Tensors that have values keep them. Raises
    RequestError where nothing is on meta, or there is no room.
    """
    device = existing_device(edit.argument)
    if device.type == "meta":
        raise RequestError("on meta no tensor has values; name another device")
    submodule(model, edit.where)
    below = [one for one in holdings_of(places_of(model)) if _is_below(one, edit.where)]
    blank = {id(one.tensor): one.tensor for one in below if one.tensor.is_meta and not is_lazy(one.tensor)}
    if not blank:
        raise RequestError(f"{edit.where or 'the model'} has no tensors on meta")
    try:
        made = {mark: _blank(tensor, device) for mark, tensor in blank.items()}
    except (RuntimeError, MemoryError) as problem:
        raise RequestError(f"{edit.argument} has no room for them: {str(problem).splitlines()[0]}") from None
    kept = [(one.tensor, one.tensor.detach().clone()) for one in below if not one.tensor.is_meta]
    undo = _register(model, made)
    drawn = _draw(model, edit)
    with torch.no_grad():
        for tensor, values in kept:
            tensor.copy_(values)
    marks = {id(tensor) for tensor in made.values()}
    now = [one for one in holdings_of(places_of(model)) if id(one.tensor) in marks]
    unknown = [one.key for one in now if one.key not in drawn or _has_nan(one.tensor)]
    message = f"{things(len(made), 'tensor')} of {edit.where or 'the model'} made on {edit.argument}, seed {edit.seed}"
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        message += f"; no layer draws {', '.join(unknown[:NAMED])}{more}: NaN, or 0 for integers, until you set them"
    return [one.key for one in now], message, undo


def _is_below(holding: Holding, path: str) -> bool:
    return not path or holding.key.startswith(f"{path}.")


def _blank(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Memory like that of a meta tensor, strides included."""
    made = torch.empty_like(tensor, device=device, requires_grad=False)
    with torch.no_grad():
        made.fill_(torch.nan if made.is_floating_point() or made.is_complex() else 0)
    return nn.Parameter(made, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made


def _register(model: nn.Module, made: dict[int, torch.Tensor]) -> Undo:
    """Put what was made into every registry that holds what it stands for; ties stay ties."""
    before = [
        (registry, name, value)
        for module in {id(place.module): place.module for place in places_of(model)}.values()
        for registry in (module._parameters, module._buffers)
        for name, value in registry.items()
        if id(value) in made
    ]
    for registry, name, value in before:
        registry[name] = made[id(value)]  # type: ignore[assignment]  # a Parameter for a Parameter

    def undo() -> None:
        for registry, name, value in before:
            registry[name] = value  # type: ignore[assignment]

    return undo


def _draw(model: nn.Module, edit: Edit) -> set[str]:
    """Initialise the module as its layers do; the keys of what that drew."""
    draw = Edit(
        action="initialise", where=f"module:{edit.where}", argument="layer_default()", seed=edit.seed, frozen=True
    )
    inventory = inventory_of(model)
    try:
        keys, _, _ = apply_initialise(model, draw, tensors_of(inventory), static_rows(inventory))
    except RequestError:  # no layer here draws anything
        return set()
    return set(keys)


def _has_nan(tensor: torch.Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and bool(tensor.isnan().any())

"""Where a model's tensors are and in which mode its modules: the edits `place` and `mode`."""

from typing import Any

import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.engine.devices import existing_device
from inspector.engine.live import Undo
from inspector.engine.pytorch.structure import submodule


def apply_place(model: nn.Module, edit: Edit) -> tuple[list[str], str, Undo]:
    """Move the module `edit.where` to the device `edit.argument`. Raises RequestError where that cannot be."""
    module = submodule(model, edit.where)
    # A tensor that also lives outside this module takes its other places along, so a tie stays one.
    moving = {id(tensor) for _, _, tensor in _places(module)}
    before = [(held, name, tensor, tensor.data) for held, name, tensor in _places(model) if id(tensor) in moving]
    move(module, edit.argument)
    moved = {id(tensor): held[name] for held, name, tensor, _ in before if held[name] is not tensor}
    for held, name, tensor, _ in before:
        held[name] = moved.get(id(tensor), tensor)

    def undo() -> None:
        for held, name, tensor, data in before:
            tensor.data = data
            held[name] = tensor

    named = (*module.named_parameters(edit.where), *module.named_buffers(edit.where))
    keys = [key for key, _ in named]
    return keys, f"moved {edit.where or 'the model'} to {edit.argument}", undo


def apply_mode(model: nn.Module, edit: Edit) -> tuple[list[str], str, Undo]:
    """Put the module `edit.where` in train or eval mode, whichever `edit.argument` says."""
    if edit.argument not in ("train", "eval"):
        raise RequestError(f"{edit.argument!r} is not a mode; it is train or eval")
    module = submodule(model, edit.where)
    before = [(part, part.training) for part in module.modules()]
    module.train(edit.argument == "train")

    def undo() -> None:
        for part, training in before:
            part.training = training

    return [], f"{edit.where or 'the model'} is in {edit.argument} mode", undo


def move(module: nn.Module, name: str) -> None:
    """Move a module's tensors to the device `name`. Raises RequestError where it does not exist or has no room."""
    device = existing_device(name)
    on_meta = any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    if on_meta and device.type != "meta":
        raise RequestError(
            "tensors on meta have no values to move; undo the move to meta, or have new ones drawn: by d in the "
            "interface, or by nninspect init --materialise"
        )
    try:
        module.to(device)
    except (RuntimeError, NotImplementedError) as problem:
        raise RequestError(f"moving to {name} failed: {str(problem).splitlines()[0]}") from None


def place_alike(model: nn.Module, clone: nn.Module) -> None:
    """Put every tensor of a clone where the model's is, and every module in the same mode."""
    for (_, name, tensor), (held_too, name_too, twin) in zip(_places(model), _places(clone), strict=True):
        if name == name_too and tensor.device != twin.device:
            held_too[name_too].data = twin.data.to(tensor.device)
    for part, twin_part in zip(model.modules(), clone.modules(), strict=True):
        twin_part.training = part.training


def _places(module: nn.Module) -> list[tuple[dict[str, Any], str, torch.Tensor]]:
    held_by: list[dict[str, Any]] = []
    for part in module.modules():
        held_by += [part._parameters, part._buffers]
    return [(held, name, tensor) for held in held_by for name, tensor in held.items() if tensor is not None]

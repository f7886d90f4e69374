"""What a layer itself would start with, drawn on a copy of that layer alone."""

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize

from inspector.engine.initialising import tensor_seed
from inspector.engine.pytorch.slots import Slot, effective
from inspector.engine.pytorch.structure import type_name
from inspector.engine.random_state import seeded


class LayerDefaults:
    """The defaults of the layers of one edit; each layer is reset once, with the seed of its first slot."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._reset: dict[int, dict[int, object] | str] = {}

    def values(self, slot: Slot) -> torch.Tensor | str:
        """New values for a slot, contiguous on the CPU, or the reason why the layer has none."""
        root = _reset_with(slot)
        if id(root) not in self._reset:
            self._reset[id(root)] = _reset_copy(root, tensor_seed(self._seed, slot.position))
        copies = self._reset[id(root)]
        if isinstance(copies, str):
            return copies
        owner = copies[id(slot.owner)]
        assert isinstance(owner, nn.Module)
        value: torch.Tensor | None = owner._parameters.get(slot.attribute)
        if value is None:
            value = owner._buffers.get(slot.attribute, vars(owner).get(slot.attribute))
        if not isinstance(value, torch.Tensor) or value.shape != slot.like.shape:
            return f"no default known: {type_name(owner)} keeps no tensor of this shape"
        if value.is_floating_point() and bool(value.isnan().any()):
            return f"no default known: {source_of(slot)} leaves it as it is"
        return value.detach().contiguous()


def source_of(slot: Slot) -> str:
    """What draws the default, for people: ``Linear.reset_parameters()``."""
    root = _reset_with(slot)
    return f"{type_name(root)}.{_method(root)}()"


def _reset_with(slot: Slot) -> nn.Module:
    # A MultiheadAttention resets its out_proj's bias, whose own default is another.
    return slot.parent if isinstance(slot.parent, nn.MultiheadAttention) else slot.owner


def _method(module: nn.Module) -> str | None:
    for name in ("reset_parameters", "_reset_parameters"):
        if callable(getattr(module, name, None)):
            return name
    return None


def _reset_copy(root: nn.Module, seed: int) -> dict[int, object] | str:
    """Copies by the id of the original: of `root`, reset, and of the modules in it."""
    method = _method(root)
    name = type_name(root)
    if method is None:
        return f"no default known: {name} has no reset_parameters()"
    copies: dict[int, object] = {}
    try:
        for module in root.modules():
            # Computed attributes (the weight of the older weight_norm) are no leaves, which deepcopy refuses.
            copies.update({id(v): v.detach().clone() for v in vars(module).values() if isinstance(v, torch.Tensor)})
        fresh = copy.deepcopy(root, copies).cpu()
        _blank(fresh)
        with seeded(seed), torch.no_grad():
            if isinstance(fresh, nn.MultiheadAttention):
                fresh.out_proj.reset_parameters()
            getattr(fresh, method)()
    except Exception as problem:  # the user's own reset_parameters
        return f"no default known: {name}.{method}() failed: {type(problem).__name__}: {problem}"
    return copies


def _blank(fresh: nn.Module) -> None:
    """Replace every floating tensor to be drawn by a contiguous one of NaN, so that what a reset leaves out shows."""
    blanks: dict[int, torch.Tensor] = {}

    def blank(value: torch.Tensor) -> torch.Tensor:
        wide = torch.float64 if value.dtype == torch.float64 else torch.float32
        return torch.full(value.shape, torch.nan, dtype=wide)

    for module in list(fresh.modules()):
        if parametrize.is_parametrized(module):
            # Not with remove_parametrizations: it takes the property off the class, which the original shares.
            parametrizations = module._modules.pop("parametrizations")
            module.__class__ = type(module).__bases__[0]
            for name, steps in parametrizations.named_children():  # type: ignore[union-attr]  # is_parametrized saw it
                module.register_parameter(name, nn.Parameter(effective(steps)))  # type: ignore[arg-type]
    for module in fresh.modules():
        for name, value in module._parameters.items():
            if value is not None and value.is_floating_point():
                blanks.setdefault(id(value), nn.Parameter(blank(value), requires_grad=value.requires_grad))
                module._parameters[name] = blanks[id(value)]  # type: ignore[assignment]  # a Parameter
        for name, attribute in list(vars(module).items()):
            if isinstance(attribute, torch.Tensor) and attribute.is_floating_point():
                vars(module)[name] = blank(attribute)

"""What a module's tensors mean: as its class in torch defines them, or what hooks and parametrizations make of them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.optim.swa_utils import AveragedModel

from inspector.core.layer_meanings import layer_meaning, shape_text
from inspector.engine.pytorch.places import child_modules, shape_of


def meaning_of(module: nn.Module, name: str, tensor: Tensor) -> str:
    """What the tensor `name` of `module` is for and how its shape reads; only the shape where torch does not define it.

    The shape of an uninitialised tensor is left out.
    """
    for derived in _FROM_HOOKS:
        if found := derived(module, name):
            return f"{found}, shape {shape_text(shape_of(tensor))}" if shape_of(tensor) is not None else found
    layers = [cls.__name__ for cls in type(module).__mro__ if cls.__module__.startswith("torch.nn.")]
    if found := layer_meaning(layers, name, shape_of(tensor), getattr(module, "padding_idx", None)):
        return found
    for kind, meaning in _MEANINGS.items():
        if isinstance(module, kind) and (found := meaning(module, name, tensor)):
            return found
    return "" if shape_of(tensor) is None else f"shape {shape_text(shape_of(tensor))}"


def _averaged(module: AveragedModel, name: str, tensor: Tensor) -> str | None:
    return "how many models have been averaged so far, a single number" if name == "n_averaged" else None


def _parametrized(module: ParametrizationList, name: str, tensor: Tensor) -> str | None:
    steps = [step for _, step in child_modules(module)]
    shape = shape_text(shape_of(tensor))
    if len(steps) == 1 and isinstance(steps[0], parametrizations._WeightNorm):
        if name == "original0":
            return f"magnitude g of weight = g·v/‖v‖, {shape}"
        return f"direction v of weight = g·v/‖v‖, {shape}"
    steps_text = " then ".join(type(step).__name__ for step in steps)
    return f"the tensor that is trained; {steps_text} computes the one that the layer uses from it, {shape}"


def _spectral(module: nn.Module, name: str, tensor: Tensor) -> str | None:
    if name not in ("_u", "_v"):
        return None
    side = "left" if name == "_u" else "right"
    shape = shape_text(shape_of(tensor))
    return f"running estimate of the {side} singular vector of the largest singular value, {shape}"


_MEANINGS: dict[type[nn.Module], Callable[[Any, str, Tensor], str | None]] = {
    AveragedModel: _averaged,
    ParametrizationList: _parametrized,
    parametrizations._SpectralNorm: _spectral,
}


def _from_weight_norm(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if isinstance(hook, WeightNorm) and name in (f"{hook.name}_g", f"{hook.name}_v"):
            part = "magnitude g" if name.endswith("_g") else "direction v"
            return f"{part} of {hook.name} = g·v/‖v‖, which weight_norm computes before each pass"
    return None


def _from_spectral_norm(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if not isinstance(hook, SpectralNorm):
            continue
        if name == f"{hook.name}_orig":
            return f"the tensor that is trained; {hook.name} is it divided by its largest singular value"
        if name in (f"{hook.name}_u", f"{hook.name}_v"):
            side = "left" if name.endswith("_u") else "right"
            return f"running estimate of the {side} singular vector of the largest singular value of {hook.name}"
    return None


def _from_pruning(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if isinstance(hook, prune.BasePruningMethod):
            pruned = hook._tensor_name
            if name == f"{pruned}_orig":
                return f"the tensor before pruning; {pruned} = {pruned}_orig · {pruned}_mask"
            if name == f"{pruned}_mask":
                return f"1 where {pruned} is kept, 0 where it is pruned away"
    return None


_FROM_HOOKS = (_from_weight_norm, _from_spectral_norm, _from_pruning)


def _pre_hooks(module: nn.Module) -> list[object]:
    return list(object.__getattribute__(module, "__dict__").get("_forward_pre_hooks", {}).values())

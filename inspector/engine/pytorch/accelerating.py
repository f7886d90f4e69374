"""accelerate, an optional extra: which device each module goes to, and passes with the modules there.

Its warnings are left out: what they say is in the plan.
"""

import contextlib
import functools
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import nn

from inspector.core.device_budgets import Budget
from inspector.core.errors import RequestError
from inspector.core.placement import DISK, PlacementPlan, entry_of
from inspector.engine.pytorch.places import places_of

Key = int | str


def library() -> ModuleType:
    """The package accelerate. Raises RequestError where it is not installed."""
    try:
        import accelerate
    except ImportError:
        raise RequestError(
            "placing a model over several devices takes accelerate, which is not installed; "
            "install it with: pip install 'nninspect[accelerate]'"
        ) from None
    found: ModuleType = accelerate
    return found


def inferred_map(model: nn.Module, budgets: list[Budget], no_split: list[str]) -> dict[str, str]:
    """What `accelerate.infer_auto_device_map` makes of the budgets, with our names of devices.

    It fills the accelerators in their order, then the CPU, then the disk, and keeps room for the largest layer on the
    device that runs what is kept elsewhere. What no device has room for is on the disk too.
    """
    found = library()
    keys = _keys([budget.device for budget in budgets])
    most = {keys[one.device]: one.bytes for one in budgets if one.device != DISK and one.bytes is not None}
    with _quietly(), _each_module_once(model) as others:
        made = found.infer_auto_device_map(model, most, no_split_module_classes=no_split)
    if "" in made:
        # Of the whole model as one entry, accelerate would put nothing on the disk.
        made = dict.fromkeys([*model._parameters, *model._modules, *model._buffers], made[""])
    names = {key: name for name, key in keys.items()}
    return _with_others({path: names.get(key, str(key)) for path, key in made.items()}, others)


@contextlib.contextmanager
def _each_module_once(model: nn.Module) -> Iterator[dict[str, str]]:
    """Without the further places of modules registered in several, of which accelerate loses track; with the first."""
    first: dict[int, str] = {}
    others: dict[str, str] = {}
    again: set[int] = set()
    kept: list[tuple[dict[str, nn.Module | None], dict[str, nn.Module | None]]] = []
    places = places_of(model)
    for place in places:
        if place.parent in again:
            again.add(place.index)
        elif id(place.module) in first:
            again.add(place.index)
            others[place.path] = first[id(place.module)]
            registry = places[place.parent or 0].module._modules
            kept.append((registry, registry.copy()))
            del registry[place.name]
        else:
            first[id(place.module)] = place.path
    try:
        yield others
    finally:
        for registry, modules in reversed(kept):
            registry.clear()
            registry.update(modules)


def _with_others(device_map: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    """With the further places of modules, where the first are."""
    made = dict(device_map)
    for path, first in others.items():
        if (entry := entry_of(made, first)) is not None:
            made[path] = made[entry]
            continue
        below = [key for key in made if key.startswith(f"{first}.")]
        made |= {path + key.removeprefix(first): made[key] for key in below}
    return made


def _keys(names: list[str]) -> dict[str, Key]:
    """By our names, those that accelerate knows: it counts accelerators, and asks nobody whether they exist."""
    accelerators = [name for name in names if name not in ("cpu", DISK)]
    return {name: accelerators.index(name) if name in accelerators else name for name in names}


@contextlib.contextmanager
def dispatched(model: nn.Module, plan: PlacementPlan, split: dict[str, str], folder: str | None) -> Iterator[None]:
    """Within, the model's modules are on their devices, with hooks that move inputs, and weights kept elsewhere.

    `split` are devices of modules that hold tensors of their own and were split, by their paths; accelerate leaves
    those out. `folder` takes what goes on the disk. The caller puts tensors and hooks back (`untouched`).
    """
    found = library()
    strides = {key: value.stride() for key, value in model.state_dict().items() if not value.is_contiguous()}
    graphs = {type(module) for module in model.modules() if isinstance(module, torch.fx.GraphModule)}
    forwards = {cls: cls.__dict__.get("forward") for cls in graphs}
    try:
        with _quietly():
            for path, device in split.items():
                hook = found.hooks.AlignDevicesHook(execution_device=device)
                found.hooks.add_hook_to_module(model.get_submodule(path), hook)
            found.dispatch_model(
                model,
                plan.device_map,
                main_device=plan.main_device,
                offload_dir=folder,
                preload_module_classes=plan.preloaded,
                force_hooks=True,
            )
        for module in model.modules():
            hook = getattr(module, "_hf_hook", None)
            if hook is not None:
                for one in getattr(hook, "hooks", [hook]):
                    weights = getattr(one, "weights_map", None)
                    if weights is not None and hasattr(weights, "dataset"):
                        weights.dataset = _LaidOut(weights.dataset, strides)
                # What hooks do is no call of the model's.
                hook.pre_forward, hook.post_forward = _aside(hook.pre_forward), _aside(hook.post_forward)
        yield
    finally:
        # accelerate changes these classes, as their forward is compiled for each.
        for cls, forward in forwards.items():
            if forward is not None:
                cls.forward = forward


class _LaidOut(Mapping[str, torch.Tensor]):
    """Weights from the disk with the strides that they had: kernels round otherwise for another layout."""

    def __init__(self, weights: Mapping[str, torch.Tensor], strides: dict[str, tuple[int, ...]]) -> None:
        self._weights = weights
        self._strides = strides

    def __getitem__(self, key: str) -> torch.Tensor:
        value = self._weights[key]
        if key not in self._strides or value.stride() == self._strides[key]:
            return value
        return torch.empty_strided(value.shape, self._strides[key], dtype=value.dtype).copy_(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def _aside(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def unseen(*args: Any, **kwargs: Any) -> Any:
        with torch._C.DisableTorchFunction():
            return call(*args, **kwargs)

    return unseen


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    logger = logging.getLogger("accelerate")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)

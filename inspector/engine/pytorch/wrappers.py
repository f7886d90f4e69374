"""Modules that hold the real model in an attribute of theirs, which thereby shows up in every key."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from inspector.core.wrapper_tokens import WRAPPER_TOKENS
from inspector.engine.pytorch.places import child_modules, own_tensors


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Where a wrapper keeps the model."""

    token: str
    """The attribute, as it stands in the keys."""
    explanation: str
    hidden: bool = False
    """Its state_dict leaves the token out, although `named_modules()` shows it."""


def wrapper_of(module: nn.Module) -> Wrapper | None:
    """How `module` wraps another one; None if it does not.

    A user's own submodule that is merely named "module" is an ordinary attribute.
    """
    names = {name for name, _ in child_modules(module)}
    for wrapper_class, wrapper in _BY_CLASS.items():
        if isinstance(module, wrapper_class) and wrapper.token in names:
            return wrapper
    # By the attribute, because importing these classes to ask isinstance would cost seconds (torch.compile) or is not
    # possible (Lightning); no one names a layer of their own so.
    for wrapper in _BY_TOKEN:
        if wrapper.token in names:
            return wrapper
    return _LIGHTNING if "model" in names and _is_lightning(module) else None


def _is_lightning(module: nn.Module) -> bool:
    """Whether it trains itself as a LightningModule does, and nothing but its `model` holds tensors."""
    trains_itself = all(callable(_class_attribute(module, hook)) for hook in ("training_step", "configure_optimizers"))
    return trains_itself and not any(
        own_tensors(child) for name, sibling in child_modules(module) if name != "model" for child in _subtree(sibling)
    )


def _subtree(module: nn.Module) -> list[nn.Module]:
    found = {id(module): module}
    waiting = [module]
    while waiting:
        for _, child in child_modules(waiting.pop()):
            if id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return list(found.values())


def _class_attribute(module: nn.Module, name: str) -> Callable[..., object] | None:
    for owner in type(module).__mro__:
        if name in vars(owner):
            found: Callable[..., object] = vars(owner)[name]
            return found
    return None


_BY_CLASS: dict[type[nn.Module], Wrapper] = {
    nn.DataParallel: Wrapper(
        "module",
        'DataParallel keeps the real model in its attribute "module", so every key below gets "module." in front',
    ),
    DistributedDataParallel: Wrapper(
        "module",
        'DistributedDataParallel keeps the real model in its attribute "module", so every key below gets "module." '
        "in front",
    ),
    AveragedModel: Wrapper(
        "module",
        'AveragedModel (weight averaging) keeps the averaged copy of the model in its attribute "module", beside its '
        'counter "n_averaged"',
    ),
}
_HIDDEN = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_BY_TOKEN = tuple(
    Wrapper(token, explanation, hidden=token in _HIDDEN)
    for token, explanation in WRAPPER_TOKENS.items()
    if token != "module"
)
_LIGHTNING = Wrapper(
    "model",
    'a LightningModule that keeps the network in its attribute "model", so keys of its checkpoints get "model." in '
    "front; the plain network's do not have it",
)

"""A model made without memory for its parameters, whose values stay in their file and are mapped from there.

So a model larger than the memory can be opened: the kernel reads the pages that are looked at, and drops them again.
"""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.engine.pytorch.places import holdings_of, places_of

NAMED = 3
"""Keys without values that are named before the rest is counted."""


@contextmanager
def without_values() -> Iterator[None]:
    """While modules are made, each parameter goes to meta as soon as it is registered; one already there stays tied."""
    register = nn.Module.register_parameter
    made: dict[int, tuple[weakref.ref[nn.Parameter], nn.Parameter]] = {}
    """Those on meta by the identity of the one each was made of, as long as that one is there."""

    def on_meta(module: nn.Module, name: str, param: nn.Parameter | None) -> None:
        register(module, name, param)
        if type(param) is nn.Parameter and not param.is_meta and not is_lazy(param):
            of, without = made.get(id(param), (None, None))
            if without is None or of is None or of() is not param:
                without = nn.Parameter(param.to("meta"), requires_grad=param.requires_grad)
                made[id(param)] = weakref.ref(param), without
            module._parameters[name] = without

    nn.Module.register_parameter = on_meta  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def take_over(model: nn.Module, entries: Mapping[str, Any]) -> set[str]:
    """Give the model's parameters on meta the very memory of `entries`, cast where the dtype differs; tells their keys.

    A parameter at several places stays one.
    """
    taken = set()
    state = model.state_dict(keep_vars=True)
    for key, value in entries.items():
        parameter = state.get(key)
        if isinstance(parameter, nn.Parameter) and isinstance(value, torch.Tensor) and parameter.is_meta:
            given = nn.Parameter(value.to(parameter.dtype), requires_grad=parameter.requires_grad)
            if weakref.getweakrefcount(parameter):
                # A recurrent layer has weak references to its weights, and torch swaps no such tensor.
                _register_instead(model, parameter, given)
                state.update({other: given for other, tensor in state.items() if tensor is parameter})
            else:
                # The object stays, and with it what holds it without having registered it.
                torch.utils.swap_tensors(parameter, given)
            taken.add(key)
    return taken


def _register_instead(model: nn.Module, parameter: nn.Parameter, given: nn.Parameter) -> None:
    """Wherever the one is registered, the other is from now on; a recurrent layer's own list follows its setattr."""
    for module in model.modules():
        for name in [name for name, held in module._parameters.items() if held is parameter]:
            setattr(module, name, given)


def refuse_without_values(model: nn.Module, path: str) -> None:
    """Raises RequestError where parameters are still on meta."""
    lacking = [one.key for one in holdings_of(places_of(model)) if one.tensor.is_meta]
    if lacking:
        more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
        raise RequestError(
            f"{path} has no values for {', '.join(lacking[:NAMED])}{more}, and with --device-map the model has none of "
            "its own; give a file that has them all, or leave --weights out"
        )

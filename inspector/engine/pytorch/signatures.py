"""What a model's forward takes, by its signature."""

import inspect
import typing
from typing import Any

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.input_names import argument_of, refuse_contradictions
from inspector.core.recipe import InputSpec
from inspector.core.wording import shortened
from inspector.engine.pytorch.places import child_modules
from inspector.engine.pytorch.wrappers import wrapper_of


def no_forward(model: nn.Module) -> str | None:
    """Why there is nothing to run; None for a model that has a forward."""
    plain = getattr(model.forward, "__func__", None) is nn.Module.forward
    if not plain or type(model).__call__ is not nn.Module.__call__:
        return None
    return f"{type(model).__name__} defines no forward, so there is nothing to run and no shape to show"


def refuse_wrong_names(model: nn.Module, inputs: list[InputSpec]) -> None:
    """Raise RequestError where an input is named like none of forward's arguments, or the names contradict."""
    names = _argument_names(model)
    for spec in inputs:
        if names is not None and spec.name and argument_of(spec.name) not in names:
            takes = f"takes {', '.join(names)}" if names else "takes no arguments by name"
            argument = shortened(argument_of(spec.name))
            raise RequestError(
                f"--input {shortened(str(spec))}: the model has no argument {argument!r}; its forward {takes}"
            )
    refuse_contradictions(spec.name for spec in inputs)


def parameters_of(model: nn.Module) -> list[inspect.Parameter]:
    """Forward's parameters; none where they cannot be known."""
    if isinstance(model, torch.jit.ScriptModule):
        method: Any = model.forward
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return [
            inspect.Parameter(each.name, kind, default=each.default_value)
            if each.has_default_value()
            else inspect.Parameter(each.name, kind)
            for each in method.schema.arguments[1:]
        ]
    try:
        return list(inspect.signature(unwrapped(model).forward).parameters.values())
    except (TypeError, ValueError):
        return []


def annotations_of(model: nn.Module) -> dict[str, Any]:
    """What forward's parameters are annotated with, as far as the names in it can be resolved."""
    plain = {each.name: each.annotation for each in parameters_of(model) if each.annotation is not each.empty}
    try:
        return plain | typing.get_type_hints(unwrapped(model).forward)
    except Exception:  # a name that only a type checker imports
        return plain


def unwrapped(model: nn.Module) -> nn.Module:
    """The module whose forward names the inputs: a wrapper such as DataParallel takes any and passes them on."""
    wrapper = wrapper_of(model)
    while wrapper is not None and _takes_anything(model):
        model = dict(child_modules(model))[wrapper.token]
        wrapper = wrapper_of(model)
    return model


def _takes_anything(model: nn.Module) -> bool:
    kinds = {parameter.kind for parameter in inspect.signature(model.forward).parameters.values()}
    return kinds <= {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def _argument_names(model: nn.Module) -> list[str] | None:
    """Those that can be given by name; None where any can, or it cannot be known."""
    try:
        parameters = inspect.signature(unwrapped(model).forward).parameters.values()
    except (TypeError, ValueError):
        return None
    if isinstance(model, torch.jit.ScriptModule) or any(each.kind == each.VAR_KEYWORD for each in parameters):
        return None
    if type(model).__call__ is not nn.Module.__call__:
        return None
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]

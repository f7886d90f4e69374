"""What a model is called with, made from the specs of its inputs; the parts of structures put together."""

import ast
import typing
from dataclasses import fields, is_dataclass, make_dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from inspector.core.input_names import Part, split_name
from inspector.core.recipe import InputSpec
from inspector.engine.drawing_inputs import draw_inputs, dtype_of
from inspector.engine.held_arguments import held_argument
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.places import first_tensor
from inspector.engine.pytorch.signatures import annotations_of, parameters_of


def arguments_for(model: nn.Module, specs: list[InputSpec], seed: int, device: str | None = None) -> Arguments:
    """What the model is called with: values for `specs`, where its inputs go, or on `device`.

    Inputs without a name are positional, in order; the parts of one argument make one structure.
    """
    return named_arguments_for(model, specs, seed, device=device)[0]


def converted(arguments: Arguments, dtype: torch.dtype | None) -> Arguments:
    """The same values with tensors of floating point as `dtype`; as they are where that is None."""
    if dtype is None:
        return arguments
    positional, named = with_tensors(arguments, lambda one: one.to(dtype) if one.is_floating_point() else one)
    return positional, named


def named_arguments_for(
    model: nn.Module, specs: list[InputSpec], seed: int, most_drawn: int | None = None, device: str | None = None
) -> tuple[Arguments, list[str]]:
    """What the model is called with, and of the tensors in it, in order, the names of their specs.

    Tensors of more than `most_drawn` elements have no values: they are on meta.
    """
    values = _drawn(specs, seed, device or device_of_inputs(model), most_drawn)
    positional = [value for spec, value in zip(specs, values, strict=True) if not spec.name]
    parts: dict[str, list[tuple[tuple[Part, ...], Any]]] = {}
    for spec, value in zip(specs, values, strict=True):
        if spec.name:
            head, steps = split_name(spec.name)
            parts.setdefault(head, []).append((steps, value))
    hints = annotations_of(model) if any(steps for below in parts.values() for steps, _ in below) else {}
    named = {head: _structure(below, hints.get(head)) for head, below in parts.items()}
    # By position as far as that goes: a wrapper may take no names, and what may be given by position only has none.
    for parameter in parameters_of(model)[len(positional) :]:
        if parameter.name not in named:
            break
        if parameter.kind == parameter.VAR_POSITIONAL:
            value = named.pop(parameter.name)
            positional += value if isinstance(value, list | tuple) else [value]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(named.pop(parameter.name))
    names = {id(value): spec.name for spec, value in zip(specs, values, strict=True)}
    arguments = positional, named
    return arguments, [names.get(id(tensor), "") for tensor in tensors_in(arguments)]


def _drawn(specs: list[InputSpec], seed: int, device: str, most: int | None) -> list[Any]:
    large = [most is not None and prod(spec.shape or []) > most for spec in specs]
    drawn = [
        spec
        for spec, is_large in zip(specs, large, strict=True)
        if spec.value is None and spec.held is None and not is_large
    ]
    tensors = iter(draw_inputs(drawn, seed))
    values: list[Any] = []
    for spec, is_large in zip(specs, large, strict=True):
        if spec.held is not None:
            values.append(with_tensors(held_argument(spec.held), _copied))
        elif spec.value is not None:
            values.append(ast.literal_eval(spec.value))
        elif is_large:
            values.append(torch.empty(spec.shape or [], dtype=dtype_of(spec), device="meta"))
        else:
            values.append(next(tensors).to(device))
    return values


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    """The caller's tensor where it is, cut off from what the caller computed it of."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def device_of_inputs(model: nn.Module) -> str:
    """Where inputs go: the device of the first tensor that the model holds."""
    tensor = first_tensor(model)
    return "cpu" if tensor is None else str(tensor.device)


def _structure(parts: list[tuple[tuple[Part, ...], Any]], annotation: Any = None) -> Any:
    """The value of which `parts` are the parts: each by the steps that lead to it."""
    if not parts[0][0]:
        return parts[0][1]
    below: dict[str | int, list[tuple[tuple[Part, ...], Any]]] = {}
    for steps, value in parts:
        if steps:
            below.setdefault(steps[0].name, []).append((steps[1:], value))
    made = {name: _structure(inner) for name, inner in below.items()}
    kind = parts[0][0][0].kind
    if kind == "key":
        return made
    if kind == "item":
        listed = [made[place] for place in sorted(made, key=int)]
        return tuple(listed) if _is_tuple(annotation) else listed
    return _object({str(name): value for name, value in made.items()}, annotation)


def _is_tuple(annotation: Any) -> bool:
    return annotation is tuple or typing.get_origin(annotation) is tuple


def _object(made: dict[str, Any], annotation: Any) -> Any:
    """An instance of the class that the signature asks for, else of one made up for the purpose."""
    if isinstance(annotation, type):
        known = _field_names(annotation)
        if known is not None and set(made) <= set(known):
            try:
                return annotation(**{name: made.get(name) for name in known})
            except Exception:  # a class that wants more of its fields than we know
                pass
    return make_dataclass("Inputs", list(made))(**made)


def _field_names(annotation: type) -> list[str] | None:
    if is_dataclass(annotation):
        return [each.name for each in fields(annotation) if each.init]
    named = getattr(annotation, "_fields", None)
    return list(named) if named and issubclass(annotation, tuple) else None

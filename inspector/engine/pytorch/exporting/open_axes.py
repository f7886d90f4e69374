"""The axes whose sizes an exported file leaves open, as ``torch.export`` wants them."""

import inspect
from typing import Any

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.export import BATCH, DynamicAxis, ExportSettings
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.row_values import Named

Axes = dict[int, dict[int, str]]
"""By the place of a tensor among the inputs, the names of its open axes."""


def open_axes(inputs: Named, settings: ExportSettings) -> Axes:
    """The axes asked for, by input.

    Raises RequestError where there is no such input or axis, or an axis has two names.
    """
    axes: Axes = {}
    wanted = list(settings.dynamic)
    if settings.dynamic_batch:
        named = {(one.input, one.axis) for one in wanted}
        wanted += [
            DynamicAxis(input=name, axis=0, name=BATCH) for name, one in inputs if one.dim() and (name, 0) not in named
        ]
    for one in wanted:
        place, tensor = _input(one.input, inputs)
        axis = one.axis + tensor.dim() if one.axis < 0 else one.axis
        if not 0 <= axis < tensor.dim():
            raise RequestError(f"--dynamic {one}: {inputs[place][0]} has {tensor.dim()} axes, numbered from 0")
        before = axes.setdefault(place, {}).setdefault(axis, one.name)
        if before != one.name:
            raise RequestError(f"--dynamic {one}: this axis is called {before!r} already; give each axis once")
    sizes: dict[str, int] = {}
    for place, named_axes in axes.items():
        for axis, name in named_axes.items():
            size = inputs[place][1].shape[axis]
            if sizes.setdefault(name, size) != size:
                raise RequestError(
                    f"axes called {name!r} are to have one size, and here they are {sizes[name]} and {size}; "
                    "call them differently, or give other sizes with --input"
                )
    return axes


def dynamic_shapes(model: nn.Module, arguments: Arguments, axes: Axes) -> dict[str, Any] | None:
    """The argument of that name of ``torch.onnx.export``; None where all sizes are fixed."""
    if not axes:
        return None
    places = {id(tensor): place for place, tensor in enumerate(tensors_in(arguments))}
    dims: dict[str, Any] = {}

    def shapes(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            open_here = axes.get(places[id(value)], {})
            # Named outside, so that axes of one name are one dimension.
            return {axis: dims.setdefault(name, torch.export.Dim(name)) for axis, name in open_here.items()}
        if isinstance(value, dict):
            return {key: shapes(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(shapes, value)) if not hasattr(value, "_fields") else [shapes(one) for one in value]
        return None

    positional, named = arguments
    found: dict[str, Any] = {}
    # A wrapper's own signature, not that of the model in it: it is the wrapper that is called.
    for number, parameter in enumerate(inspect.signature(model.forward).parameters.values()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            found[parameter.name] = tuple(map(shapes, positional[number:]))
            break
        if number < len(positional):
            found[parameter.name] = shapes(positional[number])
    return found | {name: shapes(value) for name, value in named.items()}


def _input(name: str, inputs: Named) -> tuple[int, torch.Tensor]:
    names = [one for one, _ in inputs]
    if name in names:
        return names.index(name), inputs[names.index(name)][1]
    if name.isdigit() and int(name) < len(inputs):
        return int(name), inputs[int(name)][1]
    raise RequestError(f"--dynamic {name}:…: the model has no such input; its inputs are {', '.join(names) or 'none'}")

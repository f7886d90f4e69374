"""Inputs as the table shows them."""

import ast
from collections.abc import Mapping
from typing import Literal

from torch import nn

from inspector.core.input_names import argument_of
from inspector.core.recipe import InputSpec
from inspector.core.table import Input
from inspector.engine.drawing_inputs import read_input
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.solutions import Solutions


def is_complete(model: nn.Module, given: list[InputSpec]) -> bool:
    """Whether these are all the inputs that forward needs."""
    named = {argument_of(spec.name) for spec in given if spec.name}
    unnamed = sum(not spec.name for spec in given)
    return len([each for each in required_parameters(model) if each.name not in named]) <= unnamed


def as_inputs(
    model: nn.Module,
    specs: list[InputSpec],
    origin: Literal["given", "inferred", "declared"],
    solutions: Mapping[str, Solutions] | None = None,
    where: str = "",
) -> list[Input]:
    """The inputs as the table shows them; `where` says where they are declared."""
    names = [each.name for each in required_parameters(model)]
    free = iter([name for name in names if name not in {argument_of(spec.name) for spec in specs}])
    shown = []
    for place, spec in enumerate(specs):
        shape, dtype = _shape_and_dtype(spec)
        name = spec.name or next(free, f"input{place}")
        known = (solutions or {}).get(name, Solutions())
        shown.append(
            Input(
                name=name,
                shape=shape,
                dtype=dtype,
                origin=origin,
                spec=str(spec),
                alternatives=known.alternatives,
                reason=f"declared in {where}" if where else known.reason,
                equation=known.equation,
                solutions=known.words,
                sizes=known.sizes,
            )
        )
    return shown


def _shape_and_dtype(spec: InputSpec) -> tuple[list[int] | None, str]:
    if spec.file is not None:
        tensor = read_input(spec.file)
        return list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if spec.value is not None:
        return None, type(ast.literal_eval(spec.value)).__name__
    return spec.shape, spec.dtype

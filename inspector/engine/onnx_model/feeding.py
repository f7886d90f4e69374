"""Values for the inputs of an ONNX graph."""

from typing import Any

import numpy
import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.arrays import tensor_of
from inspector.engine.drawing_inputs import draw_inputs
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.inputs import declared_input
from inspector.engine.onnx_model.torch_values import torch_dtype


def draw(graph: Graph, specs: list[InputSpec], seed: int) -> dict[str, torch.Tensor]:
    """Values by input name; the same seed gives the same values.

    Raises RequestError where a file cannot be read or holds another dtype or shape than the model declares.
    """
    values = dict(zip([spec.name for spec in specs], draw_inputs(specs, seed), strict=True))
    for value in graph.inputs:
        wanted = torch_dtype(value.type.tensor_type.elem_type)
        tensor = values[value.name]
        if tensor.dtype != wanted:
            if not (tensor.is_floating_point() and wanted.is_floating_point):
                raise RequestError(
                    f"input {value.name!r} is {str(tensor.dtype).removeprefix('torch.')}, the model declares "
                    f"{declared_input(value)}; convert the file"
                )
            values[value.name] = tensor.to(wanted)
    return values


def as_tensors(values: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The same values, those that numpy holds as torch has them."""
    return {name: tensor_of(one) if isinstance(one, numpy.ndarray) else one for name, one in values.items()}

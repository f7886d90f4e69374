"""Values for the inputs of an ONNX graph."""

import ml_dtypes
import msgspec
import numpy
import torch
from onnx import ValueInfoProto

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.arrays import array_of
from inspector.engine.drawing_inputs import draw_input
from inspector.engine.onnx_model.given_values import given_value
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.inputs import declared_input
from inspector.engine.onnx_model.torch_values import torch_dtype

_DRAWN_AS = {"int4": "int8", "uint4": "uint8", "int2": "int8", "uint2": "uint8", "float4_e2m1fn": "float32"}
"""Types that torch draws no numbers of, and those that it draws instead."""


def draw(graph: Graph, specs: list[InputSpec], seed: int) -> dict[str, Held]:
    """Values by input name; the same seed gives the same values.

    Raises RequestError where a file cannot be read or holds another dtype than the model declares.
    """
    generator, by_name = torch.Generator().manual_seed(seed), {spec.name: spec for spec in specs}
    return {value.name: _value(by_name[value.name], value, generator) for value in graph.inputs}


def _value(spec: InputSpec, declared: ValueInfoProto, generator: torch.Generator) -> Held:
    drawn = spec.file is None and spec.value is None
    value = _drawn(spec, generator) if drawn else given_value(spec, declared)
    if declared.type.WhichOneof("value") != "tensor_type":
        return value
    wanted, found = dtype_name(declared.type.tensor_type.elem_type), described(value).dtype
    if found == wanted:
        return value
    if isinstance(value, torch.Tensor) and value.is_floating_point() and hasattr(torch, wanted):
        dtype = torch_dtype(declared.type.tensor_type.elem_type)
        if dtype.is_floating_point:
            return value.to(dtype)
    raise RequestError(
        f"input {declared.name!r} is {found or 'no tensor'}, the model declares {declared_input(declared)}; "
        "convert the file"
    )


def _drawn(spec: InputSpec, generator: torch.Generator) -> Held:
    instead = _DRAWN_AS.get(spec.dtype)
    if instead is None:
        return draw_input(spec, generator)
    array = array_of(draw_input(msgspec.structs.replace(spec, dtype=instead), generator))
    return None if array is None else array.astype(numpy.dtype(getattr(ml_dtypes, spec.dtype)))

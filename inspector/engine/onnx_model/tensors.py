"""The tensors of an ONNX graph: its initializers and the values of its Constant nodes.

ONNX does not say what was trained. Here a floating-point initializer is a parameter, unless every node that reads it
takes it as a setting (a running mean, the scales of a Resize, the bounds of a Clip); the rest are buffers.
"""

from math import prod

import numpy
import onnx
import torch
from onnx import TensorProto

from inspector.core.errors import RequestError
from inspector.core.table import Tensor, Totals
from inspector.engine.onnx_model.graph import Graph, Node, captured
from inspector.engine.onnx_model.initializers import dtype_name, is_floating, read_values, stored_bytes

_SETTINGS = {
    "BatchNormalization": {3, 4},
    "Clip": {1, 2},
    "DequantizeLinear": {1, 2},
    "Dropout": {1, 2},
    "Pad": {1, 2},
    "QuantizeLinear": {1, 2},
    "Range": {0, 1, 2},
    "Resize": {1, 2, 3},
    "Upsample": {1},
}
"""Inputs, by operator, that hold settings or statistics even where they are floating-point numbers."""


def tensors_of(graph: Graph, device: str) -> list[Tensor]:
    """Every initializer, then every constant, in the file's order."""
    aliases = _aliases(graph)
    listed = [
        _record(graph, tensor, device, _initializer_expression(name), aliases.get(name, []))
        for name, tensor in graph.initializers.items()
    ]
    for name, node in graph.constants.items():
        value = constant_value(node)
        if value is not None:
            listed.append(_record(graph, value, device, _constant_expression(name, node), []))
    return listed


def totals_of(tensors: list[Tensor], nodes: int) -> Totals:
    """Sums over the tensors, those that lie at the same place of a file once; `modules` counts the nodes."""
    distinct = [tensor for tensor in tensors if not any(twin < tensor.key for twin in tensor.tied_to)]
    parameters = [tensor for tensor in distinct if tensor.kind == "parameter"]
    buffers = [tensor for tensor in distinct if tensor.kind == "buffer"]
    return Totals(
        parameters=sum(tensor.elements or 0 for tensor in parameters),
        trainable_parameters=sum(tensor.elements or 0 for tensor in parameters),
        buffers=sum(tensor.elements or 0 for tensor in buffers),
        parameter_bytes=sum(tensor.bytes or 0 for tensor in parameters),
        buffer_bytes=sum(tensor.bytes or 0 for tensor in buffers),
        modules=nodes,
    )


def held_by(graph: Graph, node: Node) -> list[str]:
    """Keys of the tensors a node reads as initializers, or holds itself as a Constant, each once."""
    read = (name for name in node.proto.input if name in graph.initializers)
    inner = (name for name in captured(node.proto) if name in graph.initializers)
    own = (name for name in node.proto.output if name in graph.constants)
    return list(dict.fromkeys([*read, *inner, *own]))


def values_of(graph: Graph, key: str) -> torch.Tensor:
    """The values of the tensor `key`, a copy on the CPU.

    Raises RequestError where there is no such tensor, or its values are text or missing.
    """
    tensor = graph.initializers.get(key)
    if tensor is None and key in graph.constants:
        tensor = constant_value(graph.constants[key])
    if tensor is None:
        raise RequestError(f"{key!r} is no initializer or constant of this model; `nninspect keys` lists them")
    return read_values(tensor, graph.folder)


def constant_value(node: Node) -> TensorProto | None:
    """The value of a Constant node as a tensor named by its output; None for text and sparse values."""
    name = node.proto.output[0]
    for attribute in node.proto.attribute:
        if attribute.name == "value":
            tensor = TensorProto()
            tensor.CopyFrom(attribute.t)
            tensor.name = name
            return tensor
        if attribute.name in ("value_float", "value_floats"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.float32), name
            )
        if attribute.name in ("value_int", "value_ints"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.int64), name
            )
    return None


def _record(graph: Graph, tensor: TensorProto, device: str, expression: str, tied_to: list[str]) -> Tensor:
    trained = _is_parameter(graph, tensor)
    return Tensor(
        key=tensor.name,
        kind="parameter" if trained else "buffer",
        shape=list(tensor.dims),
        dtype=dtype_name(tensor.data_type),
        device=device,
        trainable=trained,
        persistent=True,
        elements=prod(tensor.dims),
        bytes=None if tensor.data_type == TensorProto.STRING else stored_bytes(tensor),
        tied_to=tied_to,
        expression=expression,
    )


def _is_parameter(graph: Graph, tensor: TensorProto) -> bool:
    if not is_floating(tensor.data_type):
        return False
    if tensor.name in graph.constants and prod(tensor.dims) <= 1:
        return False
    readers = graph.readers.get(tensor.name, [])
    return not readers or any(slot not in _SETTINGS.get(node.proto.op_type, ()) for node, slot in readers)


def _aliases(graph: Graph) -> dict[str, list[str]]:
    """Initializers that lie at the same place of the same external file: tied, though ONNX has no word for it."""
    places: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, tensor in graph.initializers.items():
        if tensor.data_location == TensorProto.EXTERNAL and stored_bytes(tensor):
            place = {entry.key: entry.value for entry in tensor.external_data if entry.key != "checksum"}
            places.setdefault(tuple(sorted({"offset": "0", **place}.items())), []).append(name)
    shared = [names for names in places.values() if len(names) > 1]
    return {name: [other for other in names if other != name] for names in shared for name in names}


def _initializer_expression(name: str) -> str:
    return f"onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == {name!r}))"


def _constant_expression(name: str, node: Node) -> str:
    found = f"next(n for n in model.graph.node if {name!r} in n.output)"
    if any(attribute.name == "value" for attribute in node.proto.attribute):
        return f"onnx.numpy_helper.to_array({found}.attribute[0].t)"
    return f"numpy.array(onnx.helper.get_attribute_value({found}.attribute[0]))"

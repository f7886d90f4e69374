"""The values that Constant nodes hold."""

from math import prod

import numpy
import onnx
from onnx import GraphProto, NodeProto, SparseTensorProto, TensorProto

from inspector.engine.onnx_model.initializers import is_floating


def constant_value(node: NodeProto) -> TensorProto | None:
    """The value of a Constant node as a tensor named by its output; None for text and sparse values."""
    name, held = node.output[0], held_tensor(node)
    if held is not None:
        tensor = TensorProto()
        tensor.CopyFrom(held)
        tensor.name = name
        return tensor
    for attribute in node.attribute:
        if attribute.name in ("value_float", "value_floats"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.float32), name
            )
        if attribute.name in ("value_int", "value_ints"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.int64), name
            )
    return None


def held_tensor(node: NodeProto) -> TensorProto | None:
    """The tensor in a Constant node, its own, not a copy; None where its value is no tensor."""
    return next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)


def is_weight(node: NodeProto) -> bool:
    """Whether a Constant node holds several floating-point numbers: some exporters write all weights so."""
    held = held_tensor(node) if node.op_type == "Constant" else None
    return held is not None and prod(held.dims) > 1 and is_floating(held.data_type)


def tensors_in(graph: GraphProto) -> list[TensorProto]:
    """The initializers of a graph, the weights in its Constant nodes, and those of the bodies in it."""
    constants = [
        held
        for node in graph.node
        if node.op_type == "Constant" and (held := held_tensor(node)) is not None
        if is_weight(node) or held.data_location == TensorProto.EXTERNAL
    ]
    inside = (body for node in graph.node for attribute in node.attribute for body in [attribute.g, *attribute.graphs])
    return [*graph.initializer, *constants, *(tensor for body in inside for tensor in tensors_in(body))]


def sparse_constant(node: NodeProto) -> SparseTensorProto | None:
    """The value of a Constant node that holds a sparse tensor; None for all others."""
    return next((attribute.sparse_tensor for attribute in node.attribute if attribute.name == "sparse_value"), None)

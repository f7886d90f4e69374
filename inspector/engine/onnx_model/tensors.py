"""The tensors of an ONNX graph: its initializers and the values of its Constant nodes.

ONNX does not say what was trained. Here a floating-point initializer is a parameter, unless every node that reads it
takes it as a setting (a running mean, the scales of a Resize, the state an LSTM starts from); so are integers that
stand for trained numbers, as in quantised models. The rest are buffers.
"""

from math import prod

import msgspec
from onnx import SparseTensorProto, TensorProto

from inspector.core.table import Tensor, Totals
from inspector.engine.onnx_model.constants import constant_value, is_weight, sparse_constant
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name, is_floating, stored_bytes
from inspector.engine.onnx_model.places import Node

_SETTINGS = {
    "BatchNormalization": {3, 4},
    "Clip": {1, 2},
    "ConvInteger": {2, 3},
    "DequantizeLinear": {1, 2},
    "Dropout": {1, 2},
    "DynamicQuantizeMatMul": {2, 3},
    "GRU": {5},
    "LSTM": {5, 6},
    "MatMulInteger": {2, 3},
    "MatMulIntegerToFloat": {2, 3, 4, 5},
    "MatMulNBits": {2, 3, 4},
    "Pad": {1, 2},
    "QGemm": {1, 2, 4, 5, 7, 8},
    "QLinearAdd": {1, 2, 4, 5, 6, 7},
    "QLinearConv": {1, 2, 4, 5, 6, 7},
    "QLinearMatMul": {1, 2, 4, 5, 6, 7},
    "QLinearMul": {1, 2, 4, 5, 6, 7},
    "QuantizeLinear": {1, 2},
    "RNN": {5},
    "Range": {0, 1, 2},
    "Resize": {1, 2, 3},
    "Upsample": {1},
}
"""Inputs, by operator, that hold settings, statistics or states even where they are floating-point numbers."""
_QUANTISED = {
    "ConvInteger": {1},
    "DequantizeLinear": {0},
    "DynamicQuantizeMatMul": {1},
    "MatMulInteger": {1},
    "MatMulIntegerToFloat": {1},
    "MatMulNBits": {1},
    "QGemm": {3, 6},
    "QLinearConv": {3, 8},
    "QLinearMatMul": {3},
}
"""Inputs, by operator, whose integers stand for trained numbers."""


def tensors_of(graph: Graph, device: str) -> list[Tensor]:
    """Every initializer, then every constant, in the file's order; then those of each body."""
    aliases = _aliases(graph)
    listed = []
    for one in graph.walk():
        for position, (name, tensor) in enumerate(one.initializers.items()):
            if name not in one.borrowed:
                expression = _initializer_expression(one, name, position)
                listed.append(_record(one, tensor, device, expression, aliases.get(one.key(name), [])))
        for position, (name, sparse) in enumerate(one.sparse.items()):
            if name not in one.borrowed:
                expression = f"{one.within.expression}.sparse_initializer[{position}]"
                listed.append(_sparse_record(one, name, sparse, device, expression))
        for name, node in one.constants.items():
            value, sparse_value = constant_value(node.proto), sparse_constant(node.proto)
            expression = _constant_expression(one, name, node)
            if value is not None:
                listed.append(_record(one, value, device, expression, []))
            elif sparse_value is not None:
                listed.append(_sparse_record(one, name, sparse_value, device, expression))
    return listed


def totals_of(tensors: list[Tensor], nodes: int) -> Totals:
    """Sums over the tensors, those that lie at the same place of a file once; `modules` counts the nodes."""
    distinct = [tensor for tensor in tensors if not any(twin < tensor.key for twin in tensor.tied_to)]
    parameters = [tensor for tensor in distinct if tensor.kind == "parameter"]
    buffers = [tensor for tensor in distinct if tensor.kind == "buffer"]
    return Totals(
        parameters=sum(tensor.elements or 0 for tensor in parameters),
        trainable_parameters=sum(tensor.elements or 0 for tensor in parameters if tensor.trainable),
        buffers=sum(tensor.elements or 0 for tensor in buffers),
        parameter_bytes=sum(tensor.bytes or 0 for tensor in parameters),
        buffer_bytes=sum(tensor.bytes or 0 for tensor in buffers),
        modules=nodes,
    )


def held_by(graph: Graph, node: Node) -> list[str]:
    """Keys of the tensors a node reads as initializers, or holds itself as a Constant, each once.

    A quantised weight is held by the node that reads its numbers, not by the one that makes numbers of its integers; a
    weight that is written as a Constant by the nodes that read it, as if it were an initializer.
    """
    if _reads_only_weights(graph, node) and any(name in graph.readers for name in node.proto.output):
        return []
    read: list[str] = []
    for name in node.proto.input:
        maker = graph.producers.get(name)
        dequantised = maker is not None and _reads_only_weights(graph, maker)
        read += maker.proto.input if dequantised and maker is not None else [name]
    held = [name for name in read if name in graph.initializers or name in graph.sparse or _is_weight(graph, name)]
    own = [
        name
        for name in node.proto.output
        if name in graph.constants and not (_is_weight(graph, name) and name in graph.readers)
    ]
    return list(dict.fromkeys(graph.key(name) for name in [*held, *own]))


def _is_weight(graph: Graph, name: str) -> bool:
    return name in graph.constants and is_weight(graph.constants[name].proto)


def _reads_only_weights(graph: Graph, node: Node) -> bool:
    """Whether the node makes the numbers of a quantised initializer."""
    read = [name for name in node.proto.input if name]
    return node.proto.op_type == "DequantizeLinear" and all(name in graph.initializers for name in read)


def _sparse_record(graph: Graph, name: str, sparse: SparseTensorProto, device: str, expression: str) -> Tensor:
    """One that stores only what is not zero: its shape is that of the whole, its bytes are those stored."""
    whole = TensorProto(name=name, dims=sparse.dims, data_type=sparse.values.data_type)
    stored = stored_bytes(sparse.values) + stored_bytes(sparse.indices)
    return msgspec.structs.replace(_record(graph, whole, device, expression, []), bytes=stored)


def _record(graph: Graph, tensor: TensorProto, device: str, expression: str, tied_to: list[str]) -> Tensor:
    trained = _is_parameter(graph, tensor)
    return Tensor(
        key=graph.key(tensor.name),
        kind="parameter" if trained else "buffer",
        shape=list(tensor.dims),
        dtype=dtype_name(tensor.data_type),
        device=device,
        trainable=trained and is_floating(tensor.data_type),
        persistent=True,
        elements=prod(tensor.dims),
        bytes=None if tensor.data_type == TensorProto.STRING else stored_bytes(tensor),
        tied_to=tied_to,
        expression=expression,
    )


def _is_parameter(graph: Graph, tensor: TensorProto) -> bool:
    readers = [(node.proto.op_type, slot) for node, slot in graph.readers.get(tensor.name, [])]
    if not is_floating(tensor.data_type):
        return prod(tensor.dims) > 1 and any(slot in _QUANTISED.get(kind, ()) for kind, slot in readers)
    if tensor.name in graph.constants and prod(tensor.dims) <= 1:
        return False
    return not readers or any(slot not in _SETTINGS.get(kind, ()) for kind, slot in readers)


def _aliases(graph: Graph) -> dict[str, list[str]]:
    """Initializers that lie at the same place of the same external file: tied, though ONNX has no word for it."""
    places: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for one in graph.walk():
        for name, tensor in one.initializers.items():
            if name not in one.borrowed and tensor.data_location == TensorProto.EXTERNAL and stored_bytes(tensor):
                place = {entry.key: entry.value for entry in tensor.external_data if entry.key != "checksum"}
                places.setdefault(tuple(sorted({"offset": "0", **place}.items())), []).append(one.key(name))
    shared = [keys for keys in places.values() if len(keys) > 1]
    return {key: [other for other in keys if other != key] for keys in shared for key in keys}


def _initializer_expression(graph: Graph, name: str, position: int) -> str:
    if graph.outer is not None:
        return f"onnx.numpy_helper.to_array({graph.within.expression}.initializer[{position}])"
    return f"onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == {name!r}))"


def _constant_expression(graph: Graph, name: str, node: Node) -> str:
    in_main_graph = node.expression.startswith("model.graph.node") and graph.outer is None
    found = f"next(n for n in model.graph.node if {name!r} in n.output)" if in_main_graph else node.expression
    if any(attribute.name == "value" for attribute in node.proto.attribute):
        return f"onnx.numpy_helper.to_array({found}.attribute[0].t)"
    return f"numpy.array(onnx.helper.get_attribute_value({found}.attribute[0]))"

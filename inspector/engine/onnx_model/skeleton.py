"""A graph without its weights: small enough to check and to infer shapes on, however large the file is.

Protocol buffers end at 2 GB, and inference copies the whole model; only small integer tensors (the shape of a Reshape,
the axes of a Squeeze) say anything about shapes, so all others become inputs that declare type and shape.
"""

from collections.abc import Iterable, Mapping
from math import prod

import onnx
from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto

from inspector.engine.onnx_model.constants import held_tensor, is_weight, tensors_in
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import STANDARD_DOMAINS

_KEPT_ELEMENTS = 1024
_UNBOUNDED = 1 << 62
_DROPPING = 22
"""Version from which the rules for poolings leave out a window that rounding up would start in the padding: all
runtimes always did."""
_OURS = "nninspect"
"""The domain of functions that stand for nodes."""
_POOLINGS = {"AveragePool", "LpPool", "MaxPool"}


def declared_skeleton(source: ModelProto) -> ModelProto:
    """The model as its file declares it."""
    skeleton = _without_graph(source)
    skeleton.functions.extend(source.functions)
    small = skeleton.graph
    small.node.extend(source.graph.node)
    _add_tensors(small, source, source.graph.initializer, source.graph.sparse_initializer)
    held = {tensor.name for tensor in source.graph.initializer}
    small.input.extend(value for value in source.graph.input if value.name not in held)
    small.output.extend(source.graph.output)
    small.value_info.extend(source.graph.value_info)
    for tensor in tensors_in(small):
        if tensor.data_location == TensorProto.EXTERNAL:
            # The checker would look for its file in the folder that the program was started in.
            tensor.CopyFrom(TensorProto(name=tensor.name, data_type=tensor.data_type, dims=[0]))
    return skeleton


def skeleton_of(graph: Graph, input_shapes: Mapping[str, list[int]]) -> ModelProto:
    """The main graph or a body, calls of functions replaced by what they do, for inputs of these shapes.

    What the file says of sizes between and behind is left out: it was made for its own inputs, perhaps in symbols.
    """
    skeleton = _without_graph(graph.model)
    if graph.functions.left:
        skeleton.functions.extend(graph.model.functions)
    small = skeleton.graph
    small.node.extend(_without_weight(node.proto) for node in graph.nodes)
    _round_up_as_runtimes_do(skeleton, graph.opset())
    _add_tensors(small, graph.model, graph.initializers.values(), graph.sparse.values())
    for value in graph.inputs:
        shape = input_shapes.get(value.name)
        is_tensor = value.type.WhichOneof("value") in (None, "tensor_type")
        small.input.append(_bound(value, shape) if shape is not None and is_tensor else value)
    small.output.extend(map(_unsized, graph.outputs))
    return skeleton


def newest(domain: str) -> int:
    """The newest version of a domain's operators that this onnx knows; no bound for domains it does not know."""
    known: int = onnx.defs.onnx_opset_version() if domain in STANDARD_DOMAINS else _UNBOUNDED
    return known


def _without_graph(source: ModelProto) -> ModelProto:
    skeleton = ModelProto()
    for field in ("producer_name", "domain", "model_version"):
        if source.HasField(field):
            setattr(skeleton, field, getattr(source, field))
    # What is newer than this onnx knows is read as the newest that it knows.
    skeleton.ir_version = min(source.ir_version, onnx.IR_VERSION)
    for entry in source.opset_import:
        skeleton.opset_import.add(domain=entry.domain, version=min(entry.version, newest(entry.domain)))
    skeleton.graph.name = source.graph.name
    return skeleton


def _add_tensors(
    small: GraphProto, source: ModelProto, tensors: Iterable[TensorProto], sparse: Iterable[SparseTensorProto]
) -> None:
    small.sparse_initializer.extend(sparse)
    for tensor in tensors:
        if prod(tensor.dims) <= _KEPT_ELEMENTS and tensor.data_location != TensorProto.EXTERNAL:
            small.initializer.append(tensor)
            if source.ir_version >= 4:
                continue
        small.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def _without_weight(node: NodeProto) -> NodeProto:
    """The node itself; a Constant with a large tensor as one that declares its type and shape only."""
    held = held_tensor(node) if is_weight(node) else None
    if held is None or prod(held.dims) <= _KEPT_ELEMENTS:
        return node
    declared = TensorProto(data_type=held.data_type, dims=held.dims)
    return onnx.helper.make_node("Constant", [], list(node.output), name=node.name, value=declared)


def _round_up_as_runtimes_do(model: ModelProto, opset: int) -> None:
    """Put the poolings that round up into functions of the version whose rule says what they make."""
    if opset >= _DROPPING:
        return
    versions = [onnx.helper.make_opsetid("", _DROPPING)]
    for node in model.graph.node:
        if node.op_type in _POOLINGS and node.domain in STANDARD_DOMAINS and _rounds_up(node):
            name = f"{node.op_type}_{len(model.functions)}"
            inside = onnx.helper.make_function(_OURS, name, node.input, node.output, [node], versions)
            model.functions.append(inside)
            node.op_type, node.domain = name, _OURS
            del node.attribute[:]
    if any(function.domain == _OURS for function in model.functions):
        model.opset_import.add(domain=_OURS, version=1)


def _rounds_up(node: NodeProto) -> bool:
    return any(attribute.name == "ceil_mode" and attribute.i for attribute in node.attribute)


def _bound(value: ValueInfoProto, shape: list[int]) -> ValueInfoProto:
    return onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, shape)


def _unsized(value: ValueInfoProto) -> ValueInfoProto:
    if not value.type.HasField("tensor_type"):
        return value
    return onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None)

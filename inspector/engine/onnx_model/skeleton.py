"""The graph without its weights: small enough to check and to infer shapes on, however large the file is.

Protocol buffers end at 2 GB, and inference copies the whole model; only small integer tensors (the shape of a Reshape,
the axes of a Squeeze) say anything about shapes, so all others become inputs that declare type and shape.
"""

from collections.abc import Mapping
from math import prod

import onnx

from inspector.engine.onnx_model.graph import Graph

_KEPT_ELEMENTS = 1024


def skeleton_of(graph: Graph, input_shapes: Mapping[str, list[int]] | None = None) -> onnx.ModelProto:
    """A model with the same nodes; `input_shapes` replace the declared ones, and nothing else is declared then."""
    source = graph.model
    skeleton = onnx.ModelProto()
    for field in ("ir_version", "producer_name", "domain", "model_version"):
        if source.HasField(field):
            setattr(skeleton, field, getattr(source, field))
    skeleton.opset_import.extend(source.opset_import)
    skeleton.functions.extend(source.functions)
    small = skeleton.graph
    small.name = source.graph.name
    small.node.extend(source.graph.node)
    small.sparse_initializer.extend(source.graph.sparse_initializer)
    for tensor in source.graph.initializer:
        if prod(tensor.dims) <= _KEPT_ELEMENTS and tensor.data_location != onnx.TensorProto.EXTERNAL:
            small.initializer.append(tensor)
            if source.ir_version >= 4:
                continue
        small.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for value in graph.inputs:
        shape = None if input_shapes is None else input_shapes.get(value.name)
        small.input.append(value if shape is None else _bound(value, shape))
    # What the file says of sizes between and behind was made for its own inputs, perhaps in symbols.
    small.output.extend(source.graph.output if input_shapes is None else map(_unsized, source.graph.output))
    if input_shapes is None:
        small.value_info.extend(source.graph.value_info)
    return skeleton


def _bound(value: onnx.ValueInfoProto, shape: list[int]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, shape)


def _unsized(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    if not value.type.HasField("tensor_type"):
        return value
    return onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None)

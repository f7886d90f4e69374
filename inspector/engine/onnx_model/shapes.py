"""Shapes by inference: ONNX's own rules on the graph without its weights, with the inputs' sizes filled in."""

import math
import re
from dataclasses import dataclass

import onnx
from onnx.shape_inference import InferenceError, infer_shapes

from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.rows import Value
from inspector.engine.onnx_model.skeleton import skeleton_of

_MARK = "nninspect_node_"
_MARKED = re.compile(_MARK + r"(\d+)")


@dataclass(frozen=True)
class Inferred:
    """What inference found out."""

    values: dict[str, Value]
    complete: bool
    """Every tensor that is read, or is a node's first output, has a shape of numbers."""
    problem: str | None
    """What contradicts itself, in ONNX's words."""
    culprit: int | None
    """Position of the node where it does."""


def infer(graph: Graph, input_shapes: dict[str, list[int]], *, types: bool = False) -> Inferred:
    """Shape and dtype of every value, as far as the rules reach.

    With `types` a dtype that the standard does not allow is a problem too.
    """
    skeleton = skeleton_of(graph, input_shapes)
    mark_nodes(skeleton)
    problem, culprit = None, None
    try:
        solved = infer_shapes(skeleton, check_type=types, strict_mode=True, data_prop=True)
    except (InferenceError, ValueError, RuntimeError) as error:
        problem, culprit = unmarked(graph, str(error)), marked_node(str(error))
        # The lenient mode is silent on contradictions, but goes on with the rest.
        try:
            solved = infer_shapes(skeleton, strict_mode=False, data_prop=True)
        except (InferenceError, ValueError, RuntimeError):
            solved = skeleton
    values = {
        value.name: known
        for value in [*solved.graph.input, *solved.graph.value_info, *solved.graph.output]
        if (known := _value(value)) is not None
    }
    for name, tensor in graph.initializers.items():
        values[name] = Value(list(tensor.dims), dtype_name(tensor.data_type))
    needed = {value.name for value in graph.outputs}
    for node in graph.nodes:
        needed.update(name for at, name in enumerate(node.proto.output) if name and (at == 0 or name in graph.readers))
    found = [values.get(name) for name in needed]
    if problem is None:
        problem, culprit = _impossible_reshape(graph, values)
    complete = all(value is not None and (value.shape is not None or _no_tensor(value)) for value in found)
    return Inferred(values, complete, problem, culprit)


def _impossible_reshape(graph: Graph, values: dict[str, Value]) -> tuple[str | None, int | None]:
    """The first Reshape to another number of elements: inference takes the wanted shape for the shape."""
    for position, node in enumerate(graph.nodes):
        if not node.standard or node.proto.op_type != "Reshape":
            continue
        given, made = values.get(node.proto.input[0]), values.get(node.proto.output[0])
        if given is None or made is None or given.shape is None or made.shape is None:
            continue
        if math.prod(given.shape) != math.prod(made.shape):
            shapes = [list(value) for value in (given.shape, made.shape)]
            return f"{node.path}: {shapes[0]} has not as many elements as {shapes[1]}", position
    return None, None


def mark_nodes(model: onnx.ModelProto) -> None:
    """Name every node by its position, so that messages about it can be traced back; names in files may repeat."""
    for position, node in enumerate(model.graph.node):
        node.name = f"{_MARK}{position}"


def marked_node(message: str) -> int | None:
    """The position of the node that a message about a marked model names; None where it names none."""
    found = _MARKED.search(message)
    return int(found[1]) if found else None


def unmarked(graph: Graph, message: str) -> str:
    """The message with the nodes' paths in place of their marks."""
    return _MARKED.sub(lambda found: graph.nodes[int(found[1])].path, message)


def _no_tensor(value: Value) -> bool:
    return value.dtype in ("sequence", "map", "optional")


def _value(value: onnx.ValueInfoProto) -> Value | None:
    kind = value.type.WhichOneof("value")
    if kind is None:
        return None
    if kind != "tensor_type":
        return Value(None, kind.removesuffix("_type"))
    tensor = value.type.tensor_type
    dtype = dtype_name(tensor.elem_type) if tensor.elem_type else None
    # Inference may count a size down below zero and say nothing.
    if not tensor.HasField("shape") or any(
        not size.HasField("dim_value") or size.dim_value < 0 for size in tensor.shape.dim
    ):
        return Value(None, dtype)
    return Value([size.dim_value for size in tensor.shape.dim], dtype)

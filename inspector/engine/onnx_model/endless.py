"""Loops that a graph itself says never end: so many iterations, and a condition that nothing changes."""

import numpy
from onnx import TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.graph import Body, Graph
from inspector.engine.onnx_model.places import Node

ENDLESS = "EndlessLoop"
"""The type of a refusal for that."""
MOST_ITERATIONS = 1 << 36
"""onnxruntime takes about a microsecond for an iteration: a day for these."""


def endless_loop(graph: Graph, last: int) -> Refusal | None:
    """Why a run of the nodes before `last` would never end; None where nothing says so."""
    for position, inside in graph.bodies.items():
        node = graph.nodes[position]
        if position < last and node.standard and node.proto.op_type == "Loop" and _never_ends(graph, node, inside[0]):
            count = _number(graph, node.proto.input[0])
            many = "without end" if count is None else f"{int(count):,} times"
            message = f"Loop node {node.path} goes round {many}: its body gives back the condition as it was"
            return Refusal(ENDLESS, message, position, by_itself=True)
    return None


def _never_ends(graph: Graph, node: Node, body: Body) -> bool:
    most, condition = [*node.proto.input, "", ""][:2]
    count = _number(graph, most)
    if most and (count is None or count < MOST_ITERATIONS):
        return False
    if condition and not _number(graph, condition):
        return False
    return bool(body.graph.outputs) and _stays_true(body.graph)


def _stays_true(body: Graph) -> bool:
    """Whether the condition that a body gives back is the one that it was given, or always true."""
    name, given = body.outputs[0].name, [value.name for value in body.proto.input][1:2]
    while name in body.producers and body.producers[name].operator == "Identity":
        name = body.producers[name].proto.input[0]
    return name in given or bool(_number(body, name))


def _number(graph: Graph, name: str) -> float | None:
    """The first number of an initializer or constant; None for all else."""
    tensor = graph.tensor(name) if name else None
    if tensor is None or tensor.data_type == TensorProto.STRING or 0 in tensor.dims:
        return None
    try:
        return float(numpy.asarray(graph.files.array(tensor)).reshape(-1)[0])
    except RequestError:
        return None

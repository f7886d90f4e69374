"""What a registry of short functions, one for each operator, tells of the nodes of a graph."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from inspector.engine.onnx_model.constant_values import ConstantValues, GivenValues
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.node_view import Known, NodeView, UnreadableError
from inspector.engine.onnx_model.places import Node

T = TypeVar("T")


def read_nodes(
    graph: Graph,
    shapes: Mapping[str, list[int]],
    given: GivenValues,
    readers: Mapping[str, Callable[[NodeView], T | None]],
) -> Iterator[tuple[Node, T]]:
    """Each node that has a reader which can tell something of it, with that."""
    sizes = {**{name: list(tensor.dims) for name, tensor in graph.initializers.items()}, **shapes}
    known = Known(graph, sizes, ConstantValues(graph, sizes, given).of)
    for node in graph.nodes:
        reader = readers.get(node.operator)
        if reader is None:
            continue
        try:
            told = reader(NodeView(node, known))
        except (UnreadableError, ValueError, IndexError, KeyError, TypeError, ZeroDivisionError):
            # One node with impossible attributes must not take away what is told of the others.
            continue
        if told is not None:
            yield node, told

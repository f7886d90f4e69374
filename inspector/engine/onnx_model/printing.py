"""Nodes as text, the way onnx prints them."""

import onnx

from inspector.core.errors import RequestError
from inspector.core.results import SourceReport
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node

_LONGEST = 400
"""Nodes that are printed of a scope."""


def source_of(graph: Graph, path: str) -> SourceReport:
    """The node at `path`, or the nodes of the scope there; the whole graph for "".

    Raises RequestError where there is neither.
    """
    found = [
        node
        for one in graph.walk()
        for node in one.nodes
        if node.path == path or path == one.path or path in {scope.path for scope in node.scopes}
    ]
    if not found and path:
        raise RequestError(f"{path!r} is no node or scope of this graph; paths are those of the rows")
    lines = [_printed(node) for node in found[:_LONGEST]]
    if len(found) > _LONGEST:
        lines.append(f"… and {len(found) - _LONGEST} more nodes")
    return SourceReport(path=path, file=None, first_line=1, text="\n".join(lines))


def _printed(node: Node) -> str:
    return str(onnx.helper.printable_node(node.proto))

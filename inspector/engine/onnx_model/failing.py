"""Where a graph fails, and on what."""

from collections.abc import Mapping
from dataclasses import dataclass

from inspector.core.table import Failure, Operand
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.inputs import declared_inputs
from inspector.engine.onnx_model.rows import Value, source_line


@dataclass(frozen=True)
class Refusal:
    """A runtime would not load or run the graph."""

    type: str
    """The exception's class."""
    message: str
    culprit: int | None
    """Position of the node it names."""
    lacking: bool = False
    """It has no implementation of something; no fault of what the graph is given."""
    by_itself: bool = False
    """The graph contradicts itself, whatever it is given."""


def failure_of(graph: Graph, refusal: Refusal, values: Mapping[str, Value], device: str) -> Failure:
    """Where the graph fails, with what reached the node."""
    node = None if refusal.culprit is None else graph.nodes[refusal.culprit]
    operands = (
        []
        if node is None
        else [
            Operand(text=name, shape=value.shape, dtype=value.dtype or "unknown", device=device)
            for name in node.proto.input
            if (value := values.get(name)) is not None and value.shape is not None
        ]
    )
    made = [operand for operand in operands if operand.text not in graph.initializers]
    declared = ", ".join(f"{one.name}: {one}" for one in declared_inputs(graph))
    what = "onnxruntime refuses the whole graph"
    if node is not None:
        how = "cannot run as the file has it" if refusal.by_itself else "fails on what reaches it"
        what = f"{node.operator} node {node.path} {how}"
    sizes = [f"check the input sizes; the model declares {declared}"] if declared and node else []
    return Failure(
        path=node.path if node else "",
        type=refusal.type,
        message=refusal.message,
        source=source_line(node) if node else None,
        input_shapes=[operand.shape for operand in made],
        operands=operands,
        explanation=what,
        suggestions=["export the model again, or mend that node"] if node and refusal.by_itself else sizes,
    )

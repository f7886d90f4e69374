"""Receptive fields of all values of a graph: one walk over the nodes, with the rules that torch functions use too."""

from collections.abc import Mapping

from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, TrackedInputs, unknown
from inspector.core.table import ReceptiveField
from inspector.engine.onnx_model.constant_values import NONE_GIVEN, ConstantValues, GivenValues
from inspector.engine.onnx_model.field_readers import READERS
from inspector.engine.onnx_model.graph import Graph, captured
from inspector.engine.onnx_model.node_view import Known, NodeView, UnreadableError
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.rows import Value


def receptive_fields(
    graph: Graph, values: Mapping[str, Value], given: GivenValues = NONE_GIVEN
) -> dict[str, ReceptiveField]:
    """The receptive field of every value that has one, by name; shapes have to be known."""
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    inputs = [value.name for value in graph.inputs if value.name in shapes]
    tracked = TrackedInputs(
        [tuple(shapes[name]) for name in inputs],
        ["float" in (values[name].dtype or "") for name in inputs],
    )
    fields: dict[str, Field | None] = {name: tracked.seed(number) for number, name in enumerate(inputs) if shapes[name]}
    known = Known(graph, shapes, ConstantValues(graph, shapes, given).of, fields, tracked)
    for node in graph.nodes:
        made = _through(node, known)
        names = [name for name in node.proto.output if name]
        fields.update(zip(names, made, strict=False))
    told = ((name, tracked.receptive_field(field)) for name, field in fields.items())
    return {name: field for name, field in told if field is not None}


def _through(node: Node, known: Known) -> Fields:
    names = [name for name in node.proto.output if name]
    read = [known.fields.get(name) for name in [*node.proto.input, *captured(node.proto)] if name]
    if all(field is None for field in read):
        return [None] * len(names)
    reader = READERS.get(node.operator)
    if reader is not None:
        try:
            return reader(NodeView(node, known))
        except UnreadableError:
            pass
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, AssertionError, AttributeError):
            # An attribute of the wrong length or type: one bad node must not take the table away.
            pass
    return [unknown(read, node.operator)] * len(names)

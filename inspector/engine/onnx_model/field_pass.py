"""Receptive fields of all values of a graph: one walk over the nodes, with the rules that torch functions use too."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy
import onnx
from onnx.reference import ReferenceEvaluator

from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, TrackedInputs, unknown
from inspector.core.table import ReceptiveField
from inspector.engine.onnx_model.field_readers import READERS
from inspector.engine.onnx_model.graph import Graph, Node, captured
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError
from inspector.engine.onnx_model.rows import Value
from inspector.engine.onnx_model.tensors import constant_value

Array = numpy.ndarray[Any, Any]
_LARGEST_CONSTANT = 4096
_RANDOM = {
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip


def receptive_fields(graph: Graph, values: Mapping[str, Value]) -> dict[str, ReceptiveField]:
    """The receptive field of every value that has one, by name; shapes have to be known."""
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    inputs = [value.name for value in graph.inputs if value.name in shapes]
    tracked = TrackedInputs(
        [tuple(shapes[name]) for name in inputs],
        ["float" in (values[name].dtype or "") for name in inputs],
    )
    fields: dict[str, Field | None] = {name: tracked.seed(number) for number, name in enumerate(inputs) if shapes[name]}
    constants = ConstantValues(graph, shapes)
    for node in graph.nodes:
        made = _through(graph, node, shapes, fields, constants.of, tracked)
        names = [name for name in node.proto.output if name]
        fields.update(zip(names, made, strict=False))
    told = ((name, tracked.receptive_field(field)) for name, field in fields.items())
    return {name: field for name, field in told if field is not None}


def _through(
    graph: Graph,
    node: Node,
    shapes: Mapping[str, list[int]],
    fields: Mapping[str, Field | None],
    constants: Callable[[str], Array | None],
    tracked: TrackedInputs,
) -> Fields:
    names = [name for name in node.proto.output if name]
    read = [fields.get(name) for name in [*node.proto.input, *captured(node.proto)] if name]
    if all(field is None for field in read):
        return [None] * len(names)
    reader = READERS.get(node.operator)
    if reader is not None:
        try:
            return reader(NodeView(node, graph.opset(), shapes, fields, constants, tracked))
        except UnreadableError:
            pass
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, AssertionError, AttributeError):
            # An attribute of the wrong length or type: one bad node must not take the table away.
            pass
    return [unknown(read, node.operator)] * len(names)


class ConstantValues:
    """Values that follow from initializers and shapes alone, worked out when asked for: the bounds of a Slice."""

    def __init__(self, graph: Graph, shapes: Mapping[str, list[int]]) -> None:
        self._graph = graph
        self._shapes = shapes
        self._known: dict[str, Array | None] = {}

    def of(self, name: str) -> Array | None:
        """The value, None where it depends on the input's values or is large."""
        waiting = [name]
        while waiting:
            current = waiting[-1]
            if current in self._known:
                waiting.pop()
                continue
            needed = [one for one in self._needed(current) if one not in self._known]
            if needed:
                waiting.extend(needed)
                continue
            self._known[current] = self._work_out(current)
            waiting.pop()
        return self._known[name]

    def _needed(self, name: str) -> list[str]:
        node = self._graph.producers.get(name)
        if node is None or not self._small(name) or node.proto.op_type == "Shape":
            return []
        return [one for one in node.proto.input if one]

    def _small(self, name: str) -> bool:
        shape = self._shapes.get(name)
        return shape is not None and prod(shape) <= _LARGEST_CONSTANT

    def _work_out(self, name: str) -> Array | None:
        tensor = self._graph.initializers.get(name)
        node = self._graph.producers.get(name)
        if node is not None and name in self._graph.constants:
            tensor = constant_value(node)
        if tensor is not None:
            external = tensor.data_location == onnx.TensorProto.EXTERNAL
            return None if external or not self._small(name) else onnx.numpy_helper.to_array(tensor)
        if node is None or not node.standard or not self._small(name) or node.proto.op_type in _RANDOM:
            return None
        if node.proto.op_type == "Shape":
            return self._shape(node)
        feeds = {one: self._known.get(one) for one in node.proto.input if one}
        if any(value is None for value in feeds.values()) or captured(node.proto):
            return None
        return _evaluated(self._graph, node, feeds, name)

    def _shape(self, node: Node) -> Array | None:
        shape = self._shapes.get(node.proto.input[0])
        bounds: dict[str, int] = {attribute.name: attribute.i for attribute in node.proto.attribute}
        if shape is None:
            return None
        return numpy.array(shape[bounds.get("start", 0) : bounds.get("end", len(shape))], dtype=numpy.int64)


def _evaluated(graph: Graph, node: Node, feeds: Mapping[str, object], name: str) -> Array | None:
    inputs = [onnx.ValueInfoProto(name=one) for one in feeds]
    outputs = [onnx.ValueInfoProto(name=name)]
    small = onnx.helper.make_graph([node.proto], "one", inputs, outputs)
    model = onnx.ModelProto(graph=small, ir_version=8, opset_import=graph.model.opset_import)
    try:
        (value,) = ReferenceEvaluator(model).run(None, dict(feeds))
    except Exception:
        # onnx's reference evaluator raises whatever NumPy does; then the value stays unknown.
        return None
    return value if isinstance(value, numpy.ndarray) else numpy.asarray(value)

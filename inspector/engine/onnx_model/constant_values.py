"""Values of a graph that depend on no input, and the small ones that were given for an input: sizes, pads, axes."""

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy
import onnx

from inspector.core.recipe import InputSpec
from inspector.engine.onnx_model.constants import constant_value
from inspector.engine.onnx_model.graph import Graph, captured
from inspector.engine.onnx_model.places import Node

Array = numpy.ndarray[Any, Any]
GivenValues = Mapping[str, Array]
"""By the name of an input, what it was given."""
NONE_GIVEN: GivenValues = MappingProxyType({})
_LARGEST_CONSTANT = 4096
_LARGEST_GIVEN = 64
_RANDOM = {
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip


def given_values(graph: Graph, specs: list[InputSpec]) -> GivenValues:
    """What files and literals give for inputs that are numbers or lists of a few: with them the pass was made.

    Values that were drawn are left out: what follows from them says nothing about the model.
    """
    named = {spec.name: spec for spec in specs if spec.file is not None or spec.value is not None}
    if not named:
        return NONE_GIVEN
    from inspector.engine.onnx_model.given_values import given_value
    from inspector.engine.onnx_model.held import as_numpy

    found = {one.name: as_numpy(given_value(named[one.name], one)) for one in graph.inputs if one.name in named}
    return {name: value for name, value in found.items() if _is_short_list(value)}


def _is_short_list(value: Any) -> bool:
    """Whether it is an array of few numbers, on one axis at most."""
    return (
        isinstance(value, numpy.ndarray) and value.dtype != object and value.ndim <= 1 and value.size <= _LARGEST_GIVEN
    )


def draws(graph: Graph) -> bool:
    """Whether a node may draw random numbers, in the graph or in a body."""
    return any(node.standard and node.proto.op_type in _RANDOM for one in graph.walk() for node in one.nodes)


class ConstantValues:
    """Values that follow from initializers, shapes and what was given, worked out when asked for: a Slice's bounds."""

    def __init__(self, graph: Graph, shapes: Mapping[str, list[int]], given: GivenValues = NONE_GIVEN) -> None:
        self._graph = graph
        self._shapes = shapes
        self._known: dict[str, Array | None] = dict(given)

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
            tensor = constant_value(node.proto)
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
    # It imports every operator: a tenth of a second that few graphs need.
    from onnx.reference import ReferenceEvaluator

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

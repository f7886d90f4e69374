"""The bodies of If, Loop and Scan, each as a graph of its own: shapes, and values, of the first time it runs.

Nothing outside a node can see what is inside it: onnxruntime gives out no value of a body. But once the values around
the node are known, the body can be run by itself: the branch that an If takes, the first iteration of a Loop or Scan.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy
from onnx import TensorProto, ValueInfoProto, helper

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.costs import operations_of
from inspector.engine.onnx_model.entering import Given, enters, first_inputs
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.graph import Body, Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.rows import Traced, Value
from inspector.engine.onnx_model.shapes import infer

if TYPE_CHECKING:
    from inspector.engine.onnx_model.runs import Run

_MOST = 256
"""Bodies that are gone through; each that is run takes a session of its own."""
_ELEMENT_TYPES = {dtype_name(code): code for code in TensorProto.DataType.values() if code}
Known = Mapping[str, Any]
"""Values by name, tensors as numpy or torch has them; None for what is not known."""
RunBody = Callable[[Graph, dict[str, Any]], "Run"]


@dataclass
class BodyPass:
    """What was found out about the bodies of a graph, by their path."""

    traced: dict[str, Traced] = field(default_factory=dict)
    runs: dict[str, "Run"] = field(default_factory=dict)
    iterated: list[str] = field(default_factory=list)
    """Paths of the nodes of which the first iteration is shown."""


def pass_bodies(
    graph: Graph, traced: Traced, known: Known, run_body: RunBody | None, found: BodyPass | None = None
) -> BodyPass:
    """Go through the bodies of the nodes that a pass reached, that in which it ended among them.

    `known`: what the pass gave, none without a run. `run_body`: None where nothing is to be run.
    """
    found = found or BodyPass()
    for position, inside in graph.bodies.items():
        if position <= traced.reached:
            for body in inside:
                if len(found.traced) < _MOST:
                    _pass(body, graph, traced, known, run_body, found)
    return found


def innermost_refusal(graph: Graph, refusal: Refusal, found: BodyPass) -> tuple[Graph, Refusal]:
    """The graph that holds the node behind a refusal: onnxruntime tells of the node whose body it is in."""
    for body in graph.bodies.get(refusal.culprit, []) if refusal.culprit is not None else []:
        run = found.runs.get(body.graph.path)
        if run is not None and run.refusal is not None and run.refusal.culprit is not None:
            return innermost_refusal(body.graph, run.refusal, found)
    return graph, refusal


def inferred_body(graph: Graph, values: Mapping[str, Value]) -> tuple[Graph, dict[str, Value]]:
    """A body for these values of its inputs, and of what it reads around it; and all its values as inferred."""
    typed = graph.bound(
        [declared_value(name, value) for name, value in values.items() if value.dtype in _ELEMENT_TYPES]
    )
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    return typed, {**infer(typed, shapes).values, **values}


def _pass(body: Body, around: Graph, traced: Traced, known: Known, run_body: RunBody | None, found: BodyPass) -> None:
    surroundings = _Surroundings(around, traced.values, known)
    if enters(body, surroundings.number) is False:
        return
    graph = body.graph
    given = first_inputs(body)
    own = {value.name: one for value, one in zip(graph.proto.input, given or [], strict=False)}
    sources = {**own, **{name: Given(name) for name in graph.captured}}
    values = {name: surroundings.value(source) for name, source in sources.items()}
    typed, passed = inferred_body(graph, values)
    reached, inner = len(graph.nodes), {}
    if run_body is not None and given is not None:
        feeds = {name: surroundings.tensor(source) for name, source in sources.items()}
        if all(tensor is not None for tensor in feeds.values()):
            from inspector.engine.onnx_model.held import described

            run = run_body(typed, feeds)
            found.runs[graph.path] = run
            inner = {**feeds, **run.values}
            passed |= {name: described(one) for name, one in run.values.items() if one is not None}
            failed = run.refusal is not None and run.refusal.culprit is not None
            reached = run.reached if failed else run.reached or reached
    if given and body.node.path not in found.iterated:
        found.iterated.append(body.node.path)
    behind = {name for node in graph.nodes[reached:] for name in node.proto.output}
    passed = {name: value for name, value in passed.items() if name not in behind}
    told = {name: value.shape for name, value in passed.items() if value.shape is not None}
    result = Traced(passed, reached, {}, formulas_of(typed, told), operations_of(typed, told))
    found.traced[graph.path] = result
    pass_bodies(graph, result, inner, run_body, found)


@dataclass(frozen=True)
class _Surroundings:
    """The values around a node."""

    graph: Graph
    values: Mapping[str, Value]
    known: Known

    def tensor(self, source: Given) -> Any:
        """What the source stands for; None where it is not known."""
        if source.dtype:
            return numpy.full(source.shape, source.number, dtype=source.dtype)
        tensor = self._tensor(source.name)
        for axis, index in source.at:
            if not hasattr(tensor, "shape") or not -len(tensor.shape) <= axis < len(tensor.shape):
                return None
            axis %= len(tensor.shape)
            if tensor.shape[axis] == 0:
                return None
            tensor = tensor[(slice(None),) * axis + (index,)]
        return tensor

    def value(self, source: Given) -> Value:
        """Its shape and dtype."""
        if source.dtype:
            return Value(list(source.shape), source.dtype)
        value = self.values.get(source.name, Value(None, None))
        shape = value.shape
        for axis, _ in source.at:
            if shape is not None and -len(shape) <= axis < len(shape):
                axis %= len(shape)
                shape = [*shape[:axis], *shape[axis + 1 :]]
        return Value(shape, value.dtype)

    def number(self, name: str) -> float | None:
        """The first element of a value."""
        tensor = self._tensor(name)
        if not hasattr(tensor, "shape") or 0 in tensor.shape or str(tensor.dtype) == "object":
            return None
        return float(tensor.reshape(-1)[0].item())

    def _tensor(self, name: str) -> Any:
        held = self.graph.tensor(name)
        if held is None:
            return self.known.get(name)
        try:
            return None if held.data_type == TensorProto.STRING else self.graph.files.array(held)
        except RequestError:
            return None


def declared_value(name: str, value: Value) -> ValueInfoProto:
    """An input of that type and shape."""
    return helper.make_tensor_value_info(name, _ELEMENT_TYPES[value.dtype or ""], value.shape)

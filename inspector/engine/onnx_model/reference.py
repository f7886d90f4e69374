"""Runs a graph node by node with the reference evaluator of the onnx package: slow, in NumPy, but it knows nearly all.

Source: https://onnx.ai/onnx/api/reference.html
"""

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy
from onnx import GraphProto, NodeProto, ValueInfoProto, helper
from onnx.reference import ReferenceEvaluator

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.costs import operations_of
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.graph import Graph, captured
from inspector.engine.onnx_model.held import Held, as_numpy, described, held
from inspector.engine.onnx_model.places import STANDARD_DOMAINS, Node
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.shapes import infer

MOST_OPERATIONS = 1 << 28
"""Floating-point operations up to which a graph is computed; NumPy takes seconds for as many in convolutions."""
MOST_ELEMENTS = 1 << 24
"""Elements of all values up to which it is: pooling and the like go through them one by one, in Python."""
_DRAWING = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}


class NotComputedError(Exception):
    """The graph would take too long in NumPy, or its weights are not there."""


def run(
    graph: Graph, feeds: Mapping[str, Held], seed: int, *, limit: float | None = None, wanted: str | None = None
) -> Run:
    """Compute every node in turn; `limit`: seconds after which no further node is begun.

    `wanted`: the value behind whose node it ends.

    Raises NotComputedError where the nodes have too many operations or elements, or a weight cannot be read.
    """
    _refuse_too_large(graph, feeds)
    functions = list(graph.model.functions) if graph.functions.left else []
    opsets = {entry.domain: entry.version for entry in graph.model.opset_import}
    known: dict[str, Any] = {name: as_numpy(value) for name, value in feeds.items()}
    try:
        known |= {name: _initializer(graph, name) for name in [*graph.initializers, *graph.sparse]}
    except RequestError as problem:
        raise NotComputedError(str(problem)) from None
    values: dict[str, Held] = {}
    seconds: dict[int, float] = {}
    began = time.perf_counter()
    last = graph.position_behind(wanted)
    for node in graph.nodes[:last]:
        if limit is not None and time.perf_counter() - began > limit:
            stopped = Refusal("TimeoutError", f"it was stopped after {limit:g} seconds", None)
            return Run(values, node.index, 0.0, seconds, refusal=stopped, feeds=feeds)
        started = time.perf_counter()
        try:
            made = _computed(node, opsets, functions, known, seed)
        except Exception as problem:
            # Whatever NumPy raises; the class tells an operator that is missing from one that does not fit.
            refusal = _refusal(node, problem)
            return Run(values, node.index, 0.0, seconds, refusal=refusal, feeds=feeds)
        seconds[node.index] = time.perf_counter() - started
        for name, value in zip(node.proto.output, made, strict=False):
            if name:
                known[name], values[name] = value, held(value)
    total = time.perf_counter() - began
    for output in graph.outputs:
        # An output may be an input or an initializer as it is.
        values.setdefault(output.name, held(known.get(output.name)))
    return Run(values, last, total, seconds, feeds=feeds)


def _computed(node: Node, opsets: dict[str, int], functions: list[Any], known: dict[str, Any], seed: int) -> list[Any]:
    proto = _seeded(node, seed)
    reads = dict.fromkeys([name for name in proto.input if name] + captured(proto))
    alone = GraphProto(name=node.path, node=[proto], output=[ValueInfoProto(name=name) for name in proto.output])
    evaluator = ReferenceEvaluator(alone, opsets=opsets, functions=functions or None)
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        made: Any = evaluator.run(None, {name: known[name] for name in reads if name in known}, intermediate=True)
    return [made[name] if name else None for name in proto.output]


def _seeded(node: Node, seed: int) -> NodeProto:
    """The node with a seed of its own, where it draws random numbers and has none."""
    if node.proto.op_type not in _DRAWING or any(one.name == "seed" for one in node.proto.attribute):
        return node.proto
    proto = NodeProto()
    proto.CopyFrom(node.proto)
    proto.attribute.append(helper.make_attribute("seed", float((seed + node.index) % (1 << 24))))
    return proto


def _initializer(graph: Graph, name: str) -> Any:
    sparse = graph.sparse.get(name)
    if sparse is None:
        return graph.files.array(graph.initializers[name])
    values, places = graph.files.array(sparse.values), graph.files.array(sparse.indices)
    dense = numpy.zeros(tuple(sparse.dims), values.dtype)
    flat = places if places.ndim == 1 else numpy.ravel_multi_index(tuple(places.T), tuple(sparse.dims))
    dense.reshape(-1)[flat] = values
    return dense


def _refusal(node: Node, problem: Exception) -> Refusal:
    text = (str(problem).strip().splitlines() or [""])[0] or type(problem).__name__
    unknown = node.proto.domain not in STANDARD_DOMAINS
    lacking = isinstance(problem, NotImplementedError) or unknown or "No registered implementation" in text
    return Refusal(type(problem).__name__, f"{node.operator} node {node.path}: {text}", node.index, lacking)


def _refuse_too_large(graph: Graph, feeds: Mapping[str, Held]) -> None:
    given = {name: described(value).shape for name, value in feeds.items()}
    inferred = infer(graph, {name: shape for name, shape in given.items() if shape is not None})
    shapes = {name: value.shape for name, value in inferred.values.items() if value.shape is not None}
    operations = sum(operations_of(graph, shapes).values())
    elements = sum(
        int(numpy.prod(shapes[name])) for node in graph.nodes for name in node.proto.output if name in shapes
    )
    if operations > MOST_OPERATIONS or elements > MOST_ELEMENTS:
        raise NotComputedError(f"{operations:,} operations and {elements:,} elements are too many to compute in NumPy")

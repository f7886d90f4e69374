"""What a model's names and tensors have to fulfil, said in sentences that name the node.

The same that onnx's checker wants; but the checker names neither both makers of a value nor the way round a circle.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod

from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from inspector.core.errors import RequestError
from inspector.core.wording import printable
from inspector.engine.onnx_model.constants import sparse_constant
from inspector.engine.onnx_model.initializers import (
    DataFiles,
    dtype_name,
    external_file,
    numbers_held,
    numbers_wanted,
    span_of,
    stored_bytes,
)
from inspector.engine.onnx_model.paths import placed
from inspector.engine.onnx_model.places import Within

_LARGEST = 1 << 62
"""Elements of a tensor."""
_MOST_NAMED = 6
_SUBSCRIPTS = re.compile(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*")
"""Of one operand of an Einsum."""


def problem_of(model: ModelProto, files: DataFiles) -> str | None:
    """What is wrong with the model's names and tensors; None where nothing is.

    Raises RequestError where a tensor's data is said to lie outside the model's folder.
    """
    for problem in _problems(model.graph, files, Within("model.graph"), set()):
        return problem
    inside = ((one.name, node) for one in model.functions for node in _every_node(one.node))
    return next((problem for name, node in inside for problem in _equation_problems(node, f"{name}/{node.name}")), None)


def paths_of(nodes: Sequence[NodeProto]) -> list[str]:
    """The paths of the main graph's nodes, as rows have them."""
    return [node.path for node in placed(nodes, Within("model.graph"), set())]


def _problems(graph: GraphProto, files: DataFiles, within: Within, around: set[str]) -> Iterator[str]:
    for tensor in graph.initializer:
        yield from _tensor_problems(tensor, files, within.path(tensor.name) or "without a name")
    for sparse in graph.sparse_initializer:
        yield from _sparse_problems(sparse, files, within.path(sparse.values.name))
    names = [node.path for node in placed(graph.node, within, set())]
    makers: dict[str, int] = {}
    for position, node in enumerate(graph.node):
        for value in filter(None, node.output):
            if value in makers:
                yield f"{names[makers[value]]} and {names[position]} both make {value!r}"
            makers[value] = position
    given = around | {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    given |= {sparse.values.name for sparse in graph.sparse_initializer}
    seen = set(given)
    for position, node in enumerate(graph.node):
        kind = f"node {names[position]} ({node.op_type or 'without an operator'})"
        for name in filter(None, node.input):
            if name not in seen:
                yield _unknown_input(graph, names, makers, position, kind, name)
        seen.update(node.output)
        yield from _attribute_problems(node, files, names[position], seen)
        yield from _equation_problems(node, names[position])
    for value in graph.output:
        if value.name and value.name not in seen:
            yield f"output {value.name!r} of {within.prefix or 'the graph'} is made by no node"


def _unknown_input(
    graph: GraphProto, names: list[str], makers: dict[str, int], position: int, kind: str, name: str
) -> str:
    if name not in makers:
        return f"{kind} reads {name!r}, which no node, input or initializer makes"
    circle = _circle(graph, makers, position, makers[name])
    if circle:
        shown = [names[at] for at in circle[:_MOST_NAMED]] + (["…"] if len(circle) > _MOST_NAMED else [])
        return f"nodes wait for each other in a circle: {' → '.join([*shown, names[circle[0]]])}"
    return (
        f"{kind} reads {name!r}, which only the later node {names[makers[name]]} makes: the nodes are not "
        "topologically sorted"
    )


def _circle(graph: GraphProto, makers: dict[str, int], start: int, first: int) -> list[int]:
    """The way from `start` back to it over values, where its input comes from node `first`; empty where none leads."""
    came_from = {first: start}
    waiting = [first]
    while waiting:
        position = waiting.pop()
        if position == start:
            way = [came_from[start]]
            while way[-1] != start:
                way.append(came_from[way[-1]])
            return [start, *way[:-1]]
        for name in graph.node[position].input:
            maker = makers.get(name)
            if maker is not None and maker not in came_from:
                came_from[maker] = position
                waiting.append(maker)
    return []


def _attribute_problems(node: NodeProto, files: DataFiles, path: str, seen: set[str]) -> Iterator[str]:
    for attribute in node.attribute:
        for tensor in [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]:
            yield from _tensor_problems(tensor, files, f"in attribute {attribute.name!r} of {path}")
        bodies = [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
        for body in bodies:
            yield from _problems(body, files, Within("", f"{path}/{attribute.name}"), seen)
    sparse = sparse_constant(node)
    if sparse is not None:
        yield from _sparse_problems(sparse, files, f"of {path}")


def _every_node(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Nodes and those in their bodies."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _every_node(body.node)


def _equation_problems(node: NodeProto, path: str) -> Iterator[str]:
    """Of an Einsum: onnx's shape inference goes round for ever at a character that it does not know."""
    if node.op_type != "Einsum" or node.domain not in ("", "ai.onnx"):
        return
    for attribute in node.attribute:
        equation = attribute.s.decode(errors="replace")
        terms = re.split(r",|->", equation.replace(" ", ""))
        if attribute.name == "equation" and not all(_SUBSCRIPTS.fullmatch(term) for term in terms):
            yield f"node {path} (Einsum) has the equation {equation!r}; letters, commas, '...' and '->' make one"


def _sparse_problems(sparse: SparseTensorProto, files: DataFiles, name: str) -> Iterator[str]:
    for part in (sparse.values, sparse.indices):
        yield from _tensor_problems(part, files, name)
    if any(size < 0 for size in sparse.dims) or prod(sparse.dims) > _LARGEST:
        yield f"sparse tensor {name} has the impossible shape {list(sparse.dims)}"


def _tensor_problems(tensor: TensorProto, files: DataFiles, name: str) -> Iterator[str]:
    shape = list(tensor.dims)
    if dtype_name(tensor.data_type) == "unknown":
        yield f"tensor {name} has the element type {tensor.data_type}, which ONNX does not have"
    elif any(size < 0 for size in shape) or prod(shape) > _LARGEST:
        yield f"tensor {name} has the impossible shape {shape}"
    elif tensor.data_type == TensorProto.STRING:
        return
    elif tensor.data_location == TensorProto.EXTERNAL and not files.holds(tensor):
        external_file(tensor, files.folder)
        span_of(tensor)
    elif tensor.raw_data or files.holds(tensor):
        held = len(files.content(tensor))
        if held != stored_bytes(tensor):
            yield f"tensor {name} holds {held:,} bytes where its shape {shape} takes {stored_bytes(tensor):,}"
    elif numbers_held(tensor) != numbers_wanted(tensor):
        wanted = numbers_wanted(tensor)
        yield f"tensor {name} holds {numbers_held(tensor):,} numbers where its shape {shape} takes {wanted:,}"


def refuse(file: str, problem: str) -> RequestError:
    """The sentence for a file with a problem."""
    return RequestError(f"{file} breaks the rules of ONNX: {printable(problem)}; export the model again")

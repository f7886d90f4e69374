"""An ONNX graph with every node named; who makes and who reads each value; and the graphs inside its nodes.

A body of an If, Loop or Scan is a graph of its own: what it reads of the graph around it counts as an input, or as an
initializer where it is one there. Calls of a model's own functions are replaced by what they do.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto
from onnx.defs import onnx_opset_version

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.constants import constant_value, sparse_constant
from inspector.engine.onnx_model.functions import Functions
from inspector.engine.onnx_model.initializers import DataFiles
from inspector.engine.onnx_model.layout import Place, places_of
from inspector.engine.onnx_model.paths import placed
from inspector.engine.onnx_model.places import STANDARD_DOMAINS, Node, Within


class Graph:
    """The main graph of a model, or a body in it; what its nodes read and make, by name."""

    def __init__(self, model: ModelProto, files: DataFiles) -> None:
        self.model = model
        self.files = files
        self.functions = Functions.of(model)
        self._build(model.graph, Within("model.graph"), set(), None, [])

    def refresh(self) -> None:
        """Read the model anew after names in it were changed."""
        self.functions = Functions.of(self.model)
        for kept in ("holders", "places"):
            self.__dict__.pop(kept, None)
        self._build(self.model.graph, Within("model.graph"), set(), None, [])

    @property
    def path(self) -> str:
        """What the paths of its nodes begin with: "" for the main graph, else ``<node>/<attribute>``."""
        return self.within.prefix

    def _build(
        self, proto: GraphProto, within: Within, taken: set[str], outer: "Graph | None", borrowed: list[str]
    ) -> None:
        self.proto = proto
        self.within = within
        self.outer = outer
        self.outputs: Sequence[ValueInfoProto] = proto.output
        self.initializers: dict[str, TensorProto] = {tensor.name: tensor for tensor in proto.initializer}
        self.sparse: dict[str, SparseTensorProto] = {one.values.name: one for one in proto.sparse_initializer}
        self.borrowed: dict[str, str] = {}
        """Tensors of a graph around this one: their names here, and their keys."""
        self.captured: list[str] = []
        """Values of a graph around this one that the nodes read."""
        for name in borrowed:
            tensor = outer.tensor(name) if outer else None
            sparse = outer.sparse_tensor(name) if outer else None
            if outer is None or (tensor is None and sparse is None):
                self.captured.append(name)
                continue
            self.borrowed[name] = outer.key(name)
            if tensor is not None:
                self.initializers[name] = tensor
            elif sparse is not None:
                self.sparse[name] = sparse
        self.declared = [*proto.input, *(ValueInfoProto(name=name) for name in self.captured)]
        """The inputs; before IR version 4 every initializer had to be among them."""
        known = self.initializers.keys() | self.sparse.keys()
        self.inputs = [value for value in self.declared if value.name not in known]
        nodes = self.functions.inlined(placed(proto.node, within, taken, known), taken)
        self.nodes = [_at(node, index) for index, node in enumerate(nodes)]
        self.constants = {
            node.proto.output[0]: node
            for node in self.nodes
            if node.standard and node.proto.op_type == "Constant" and node.proto.output
        }
        self.producers = {name: node for node in self.nodes for name in node.proto.output if name}
        self.readers: dict[str, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for slot, name in enumerate(node.proto.input):
                if name:
                    self.readers.setdefault(name, []).append((node, slot))
            for name in captured(node.proto):
                self.readers.setdefault(name, []).append((node, -1))
        self.bodies: dict[int, list[Body]] = {}
        """The graphs in a node's attributes, by the node's position."""
        for node in self.nodes:
            found = [self._body(node, attribute, body, taken) for attribute, body in bodies(node)]
            if found:
                self.bodies[node.index] = found

    def _body(self, node: Node, attribute: str, proto: GraphProto, taken: set[str]) -> "Body":
        graph = copy.copy(self)
        place = _place_in_file(node, attribute)
        graph._build(proto, Within(place, f"{node.path}/{attribute}"), taken, self, _captured_by(proto))
        return Body(node, attribute, graph)

    def position_behind(self, name: str | None) -> int:
        """The position after the node that makes a value; that after all nodes for None."""
        return len(self.nodes) if name is None else self.producers[name].index + 1

    def opset(self) -> int:
        """The version of ONNX's own operators that the file asks for, or the newest that onnx knows."""
        asked = (entry.version for entry in self.model.opset_import if entry.domain in STANDARD_DOMAINS)
        return min(max(asked, default=1), onnx_opset_version())

    def key(self, name: str) -> str:
        """The key of an initializer or constant: its name, after the path of the body that holds it."""
        return self.borrowed.get(name) or (f"{self.path}/{name}" if self.path else name)

    def tensor(self, name: str) -> TensorProto | None:
        """An initializer or the value of a Constant node; None for other values."""
        if name in self.initializers:
            return self.initializers[name]
        return constant_value(self.constants[name].proto) if name in self.constants else None

    def sparse_tensor(self, name: str) -> SparseTensorProto | None:
        """A sparse initializer or the sparse value of a Constant node; None for other values."""
        if name in self.sparse:
            return self.sparse[name]
        return sparse_constant(self.constants[name].proto) if name in self.constants else None

    def holds(self, name: str) -> bool:
        """Whether this is an initializer or a constant, of this graph or of one around it."""
        return name in self.initializers or name in self.constants or name in self.sparse

    def walk(self) -> Iterator["Graph"]:
        """This graph and all bodies in it, in the order of their nodes."""
        yield self
        for inside in self.bodies.values():
            for body in inside:
                yield from body.graph.walk()

    @cached_property
    def holders(self) -> dict[str, tuple["Graph", str]]:
        """By key, the graph in this one that holds each initializer and constant, and its name there."""
        return {
            one.key(name): (one, name)
            for one in self.walk()
            for name in [*one.initializers, *one.sparse, *one.constants]
            if name not in one.borrowed
        }

    @cached_property
    def places(self) -> list[Place]:
        """The rows of this graph and of all bodies in it, in preorder."""
        return places_of(self)

    def fed(self, values: Sequence[ValueInfoProto]) -> "Graph":
        """The same graph with values of it, that nodes make, as inputs in their places."""
        aside = {value.name: f"{value.name}, as it was made" for value in values}
        graph = copy.copy(self)
        graph.__dict__.pop("places", None)
        graph.nodes = [_making(node, aside) for node in self.nodes]
        graph.declared = [*self.declared, *values]
        graph.inputs = [*self.inputs, *values]
        return graph

    def bound(self, inputs: Sequence[ValueInfoProto]) -> "Graph":
        """The same graph with types and shapes for its inputs."""
        typed = {value.name: value for value in inputs}
        graph = copy.copy(self)
        graph.__dict__.pop("places", None)
        graph.declared = [typed.get(value.name, value) for value in self.declared]
        graph.inputs = [typed.get(value.name, value) for value in self.inputs]
        return graph


@dataclass(frozen=True)
class Body:
    """A graph in an attribute of a node."""

    node: Node
    attribute: str
    graph: Graph


def captured(node: NodeProto) -> list[str]:
    """Values of the outer graph that the bodies of an If, Loop or Scan read, each once."""
    found: dict[str, None] = {}
    for attribute in node.attribute:
        for body in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            found.update(dict.fromkeys(_captured_by(body)))
    return list(found)


def bodies(node: Node) -> Iterator[tuple[str, GraphProto]]:
    """The graphs in a node's attributes by name; those of a list are numbered."""
    for attribute in node.proto.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g
        for number, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}[{number}]", graph


def find_tensor(graph: Graph, key: str) -> tuple[Graph, str]:
    """The graph that holds the tensor `key`, and its name there.

    Raises RequestError where there is none.
    """
    found = graph.holders.get(key)
    if found is None:
        raise RequestError(f"{key!r} is no initializer or constant of this model; `nninspect keys` lists them")
    return found


def _captured_by(body: GraphProto) -> list[str]:
    found: dict[str, None] = {}
    own = {tensor.name for tensor in body.initializer} | {value.name for value in body.input}
    own |= {sparse.values.name for sparse in body.sparse_initializer}
    for inner in body.node:
        for name in [*inner.input, *captured(inner)]:
            if name and name not in own:
                found[name] = None
        own.update(inner.output)
    for value in body.output:
        if value.name and value.name not in own:
            found[value.name] = None
    return list(found)


def _at(node: Node, index: int) -> Node:
    return node if node.index == index else Node(index, node.path, node.name, node.scopes, node.proto, node.expression)


def _place_in_file(node: Node, attribute: str) -> str:
    name = attribute.partition("[")[0]
    position = next((at for at, one in enumerate(node.proto.attribute) if one.name == name), 0)
    listed = f"graphs{attribute.removeprefix(name)}" if "[" in attribute else "g"
    return f"{node.expression}.attribute[{position}].{listed}"


def _making(node: Node, names: dict[str, str]) -> Node:
    """The node with what it makes under other names."""
    if not any(name in names for name in node.proto.output):
        return node
    proto = NodeProto()
    proto.CopyFrom(node.proto)
    proto.output[:] = [names.get(name, name) for name in proto.output]
    return replace(node, proto=proto)

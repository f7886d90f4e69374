"""An ONNX graph with every node named: paths, scopes, and who makes and who reads each value.

ONNX demands neither node names nor that they differ, yet a row needs a path that is its own. Exporters write the
module a node came from into its name (``/layer1/layer1.0/conv1/Conv``) or into its metadata; the rest are named by
operator and position.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx

STANDARD_DOMAINS = ("", "ai.onnx")
_SCOPES = "pkg.torch.onnx.name_scopes"
_NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"
"""What the exporter writes for the sizes of inputs, which no module asks for."""
_CLASSES = "pkg.torch.onnx.class_hierarchy"


@dataclass(frozen=True)
class Scope:
    """A module that nodes came from, as far as the file tells."""

    path: str
    name: str
    type: str
    """The class where the exporter wrote it down, else "scope"."""


@dataclass(frozen=True)
class Node:
    """A node with a path of its own."""

    index: int
    path: str
    name: str
    """The last part of the path."""
    scopes: tuple[Scope, ...]
    """From the outermost to the innermost."""
    proto: onnx.NodeProto

    @property
    def operator(self) -> str:
        """The operator as rows show it: with its domain where that is not ONNX's own."""
        domain = self.proto.domain
        return self.proto.op_type if domain in STANDARD_DOMAINS else f"{domain}.{self.proto.op_type}"

    @property
    def standard(self) -> bool:
        """Whether the operator is one of ONNX's own."""
        return self.proto.domain in STANDARD_DOMAINS


class Graph:
    """The main graph of a model; what its nodes read and make, by name."""

    def __init__(self, model: onnx.ModelProto, folder: Path) -> None:
        self.model = model
        self.folder = folder
        """Where external data lies."""
        self.nodes = _named(model.graph)
        self.initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.constants = {
            node.proto.output[0]: node
            for node in self.nodes
            if node.standard and node.proto.op_type == "Constant" and node.proto.output
        }
        # Before IR version 4 every initializer was declared as an input too.
        self.inputs = [value for value in model.graph.input if value.name not in self.initializers]
        self.producers = {name: node for node in self.nodes for name in node.proto.output if name}
        self.readers: dict[str, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for slot, name in enumerate(node.proto.input):
                if name:
                    self.readers.setdefault(name, []).append((node, slot))
            for name in captured(node.proto):
                self.readers.setdefault(name, []).append((node, -1))

    def opset(self) -> int:
        """The version of ONNX's own operators that the file asks for."""
        return max((entry.version for entry in self.model.opset_import if entry.domain in STANDARD_DOMAINS), default=1)


def captured(node: onnx.NodeProto) -> list[str]:
    """Values of the outer graph that the bodies of an If, Loop or Scan read, each once."""
    found: dict[str, None] = {}
    for body in bodies(node):
        own = {tensor.name for tensor in body.initializer} | {value.name for value in body.input}
        for inner in body.node:
            for name in [*inner.input, *captured(inner)]:
                if name and name not in own:
                    found[name] = None
            own.update(inner.output)
        for value in body.output:
            if value.name not in own:
                found[value.name] = None
    return list(found)


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _named(graph: onnx.GraphProto) -> list[Node]:
    places = [_place(node, position) for position, node in enumerate(graph.node)]
    _settle_constants(graph, places)
    times = Counter(path for _, path in places)
    taken = {scope.path for scopes, _ in places for scope in scopes}
    nodes = []
    for index, (proto, (scopes, path)) in enumerate(zip(graph.node, places, strict=True)):
        while path in taken or times[path] > 1:
            path = f"{path}#{index}"
        taken.add(path)
        nodes.append(Node(index=index, path=path, name=path.rpartition("/")[2], scopes=scopes, proto=proto))
    return nodes


def _settle_constants(graph: onnx.GraphProto, places: list[tuple[tuple[Scope, ...], str]]) -> None:
    """Put constants that name no scope where they are read, or they would cut the scopes around them to pieces."""
    first_reader: dict[str, int] = {}
    for position, node in enumerate(graph.node):
        for name in node.input:
            first_reader.setdefault(name, position)
    for position, node in enumerate(graph.node):
        scopes, path = places[position]
        if node.op_type == "Constant" and not scopes and node.output and node.output[0] in first_reader:
            places[position] = (places[first_reader[node.output[0]]][0], path)


def _place(node: onnx.NodeProto, position: int) -> tuple[tuple[Scope, ...], str]:
    recorded = _recorded_scopes(node)
    path = node.name or f"{node.op_type}_{position}"
    if recorded:
        return recorded, f"{recorded[-1].path}/{path}"
    lead = "/" if path.startswith("/") else ""
    parts = [part for part in path.split("/") if part] if node.name else [path]
    scopes = (Scope(lead + "/".join(parts[:count]), parts[count - 1], "scope") for count in range(1, len(parts)))
    return tuple(scopes), path


def returned_name(node: Node) -> str:
    """The name that torch's exporter gave to what the function behind a node returned; "" where it told none."""
    return str((_listed(node.proto, _SCOPES) or [""])[-1])


def _listed(node: onnx.NodeProto, key: str) -> list[object]:
    text = next((entry.value for entry in node.metadata_props if entry.key == key), "[]")
    try:
        return list(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return []


def _recorded_scopes(node: onnx.NodeProto) -> tuple[Scope, ...]:
    """Module paths and classes that torch's exporter writes into a node's metadata; the last entry is the call."""
    paths, classes = _listed(node, _SCOPES), _listed(node, _CLASSES)
    if len(paths) != len(classes):
        return ()
    pairs = zip(paths[:-1], classes[:-1], strict=True)
    return tuple(
        Scope(str(path), str(path).rpartition(".")[2], str(kind).rpartition(".")[2])
        for path, kind in pairs
        if path and path != _NO_MODULE
    )

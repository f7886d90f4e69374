"""Where each node of a graph belongs: a path of its own, and the scopes around it.

ONNX demands neither node names nor that they differ, yet a row needs a path that is its own. Exporters write the
module a node came from into its name (``/layer1/layer1.0/conv1/Conv``) or into its metadata; the rest are named by
operator and position.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from onnx import NodeProto

STANDARD_DOMAINS = ("", "ai.onnx")
_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"


@dataclass(frozen=True)
class Scope:
    """A module that nodes came from, as far as the file tells, or a call of a function that they are the body of."""

    path: str
    name: str
    type: str
    """The class where the exporter wrote it down, the function, else "scope"."""
    call: "Node | None" = None
    """The node that calls the function."""


@dataclass(frozen=True)
class Node:
    """A node with a path of its own."""

    index: int
    path: str
    name: str
    """The last part of the path."""
    scopes: tuple[Scope, ...]
    """From the outermost to the innermost."""
    proto: NodeProto
    expression: str
    """The Python expression that reaches it from `model`, the file's ModelProto."""

    @property
    def operator(self) -> str:
        """The operator as rows show it: with its domain where that is not ONNX's own."""
        domain = self.proto.domain
        return self.proto.op_type if domain in STANDARD_DOMAINS else f"{domain}.{self.proto.op_type}"

    @property
    def standard(self) -> bool:
        """Whether the operator is one of ONNX's own."""
        return self.proto.domain in STANDARD_DOMAINS


@dataclass(frozen=True)
class Within:
    """What lies around a list of nodes: the main graph, the body of a node, or a function that is called."""

    expression: str
    """Reaches the graph or the function that holds the nodes."""
    prefix: str = ""
    """The path that theirs begin with, without the last slash."""
    scopes: tuple[Scope, ...] = ()

    def path(self, own: str) -> str:
        """The path of what is called so inside."""
        return f"{self.prefix}/{own.lstrip('/')}" if self.prefix else own


def placed(protos: Sequence[NodeProto], within: Within, taken: set[str]) -> list[Node]:
    """The nodes with paths that no other has; `taken` grows by theirs and by their scopes'."""
    places = [_place(proto, position, within) for position, proto in enumerate(protos)]
    _settle_constants(protos, places)
    times = Counter(path for _, path in places)
    taken.update(scope.path for scopes, _ in places for scope in scopes)
    nodes = []
    for index, (proto, (scopes, path)) in enumerate(zip(protos, places, strict=True)):
        while path in taken or times[path] > 1:
            path = f"{path}#{index}"
        taken.add(path)
        name, held = path.rpartition("/")[2], (*within.scopes, *scopes)
        nodes.append(Node(index, path, name, held, proto, f"{within.expression}.node[{index}]"))
    return nodes


def _settle_constants(protos: Sequence[NodeProto], places: list[tuple[tuple[Scope, ...], str]]) -> None:
    """Put constants that name no scope where they are read, or they would cut the scopes around them to pieces."""
    first_reader: dict[str, int] = {}
    for position, node in enumerate(protos):
        for name in node.input:
            first_reader.setdefault(name, position)
    for position, node in enumerate(protos):
        scopes, path = places[position]
        if node.op_type == "Constant" and not scopes and node.output and node.output[0] in first_reader:
            places[position] = (places[first_reader[node.output[0]]][0], path)


def _place(node: NodeProto, position: int, within: Within) -> tuple[tuple[Scope, ...], str]:
    recorded = _recorded_scopes(node, within)
    path = node.name or f"{node.op_type}_{position}"
    if recorded:
        return recorded, f"{recorded[-1].path}/{path}"
    lead = "/" if path.startswith("/") else ""
    parts = [part for part in path.split("/") if part] if node.name else [path]
    scopes = (
        Scope(within.path(lead + "/".join(parts[:count])), parts[count - 1], "scope") for count in range(1, len(parts))
    )
    return tuple(scopes), within.path(path)


def _recorded_scopes(node: NodeProto, within: Within) -> tuple[Scope, ...]:
    """Module paths and classes that torch's exporter writes into a node's metadata; the last entry is the call."""
    metadata = {entry.key: entry.value for entry in node.metadata_props}
    if _SCOPES not in metadata:
        return ()
    try:
        paths = list(ast.literal_eval(metadata[_SCOPES]))
        classes = list(ast.literal_eval(metadata.get(_CLASSES, "[]")))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return ()
    if len(paths) != len(classes):
        return ()
    pairs = zip(paths[:-1], classes[:-1], strict=True)
    return tuple(
        Scope(within.path(str(path)), str(path).rpartition(".")[2], str(kind).rpartition(".")[2])
        for path, kind in pairs
        if path
    )

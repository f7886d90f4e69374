"""What is known of where a node stands: its path, and the scopes around it."""

from dataclasses import dataclass

from onnx import NodeProto

STANDARD_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class Scope:
    """A module that nodes came from, as far as the file tells, or a call of a function that they are the body of."""

    path: str
    name: str
    type: str
    """The class where the exporter wrote it down, the function, "prefix" of initializers' names, else "scope"."""
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

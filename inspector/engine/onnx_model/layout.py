"""Which rows an ONNX model has: scopes, nodes and what is inside nodes, in the order in which they run.

A scope whose nodes run in several stretches has one row for each, numbered by `call`, like a module called again. A
body has a row of its own where its node has several; the call of a function is a node with the function's nodes below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector.engine.onnx_model.places import Node, Scope

if TYPE_CHECKING:
    from inspector.engine.onnx_model.graph import Body, Graph


@dataclass
class Place:
    """A row: nodes `first` to `last` − 1 of a graph, as a scope of them or one node."""

    graph: "Graph"
    scope: Scope
    node: Node | None
    """The node, or the call of the function; None for a scope."""
    parent: int | None
    depth: int
    call: int
    first: int
    last: int
    subtree: int = 1
    reads: tuple[str, ...] = ()
    """Values that it reads and does not make; weights and constants aside."""
    makes: tuple[str, ...] = ()
    """Values that it makes: a node its outputs, a scope what is read outside it, a graph its outputs."""

    @property
    def single(self) -> bool:
        """Whether this is one node, not a scope, a body, or the call of a function."""
        return self.node is not None and self.scope.call is not self.node

    @property
    def path(self) -> str:
        """The row's path."""
        return self.node.path if self.node else self.scope.path


def places_of(graph: "Graph") -> list[Place]:
    """All rows in preorder, the root first; `Graph.places` keeps them."""
    layout = _Layout()
    layout.graph(graph, Scope("", "", "graph"), None, 0)
    return layout.places


class _Layout:
    def __init__(self) -> None:
        self.places: list[Place] = []
        self._calls: dict[str, int] = {}

    def graph(self, graph: "Graph", root: Scope, parent: int | None, depth: int) -> None:
        """A row for the graph, and its own below."""
        index = len(self.places)
        reads, makes = (value.name for value in graph.inputs), (value.name for value in graph.outputs)
        self.places.append(
            Place(graph, root, None, parent, depth, 0, 0, len(graph.nodes), 1, tuple(reads), tuple(makes))
        )
        self._nodes(graph, index, depth)
        self.places[index].subtree = len(self.places) - index

    def _nodes(self, graph: "Graph", parent: int, depth: int) -> None:
        read = last_read(graph)
        opened: list[tuple[Scope, int]] = []
        for node in graph.nodes:
            wanted = node.scopes
            common = 0
            while common < min(len(wanted), len(opened)) and opened[common][0] == wanted[common]:
                common += 1
            self._close(graph, opened, common, node.index, read)
            for scope in wanted[common:]:
                above = opened[-1][1] if opened else parent
                opened.append((scope, len(self.places)))
                self.places.append(self._opened(graph, scope, above, depth + len(opened), node.index))
            above, index = opened[-1][1] if opened else parent, len(self.places)
            scope = opened[-1][0] if opened else Scope("", "", "graph")
            place = Place(graph, scope, node, above, depth + len(opened) + 1, 0, node.index, node.index + 1)
            place.reads = _read_from_outside(graph, node.index, node.index + 1)
            place.makes = tuple(name for name in node.proto.output if name)
            self.places.append(place)
            self._bodies(graph.bodies.get(node.index, []), index, place.depth)
            place.subtree = len(self.places) - index
        self._close(graph, opened, 0, len(graph.nodes), read)

    def _opened(self, graph: "Graph", scope: Scope, parent: int, depth: int, first: int) -> Place:
        call = self._calls.get(scope.path, 0)
        self._calls[scope.path] = call + 1
        return Place(graph, scope, scope.call, parent, depth, call, first, 0)

    def _close(
        self, graph: "Graph", opened: list[tuple[Scope, int]], kept: int, position: int, read: Mapping[str, int]
    ) -> None:
        for scope, index in opened[kept:]:
            place = self.places[index]
            place.last = position
            place.subtree = len(self.places) - index
            place.reads = _read_from_outside(graph, place.first, position)
            called = [name for name in scope.call.proto.output if name] if scope.call else None
            place.makes = tuple(called or _read_outside(graph, place.first, position, read))
        del opened[kept:]

    def _bodies(self, inside: "list[Body]", parent: int, depth: int) -> None:
        for body in inside:
            if len(inside) > 1:
                self.graph(body.graph, Scope(body.graph.path, body.attribute, "graph"), parent, depth + 1)
            else:
                self._nodes(body.graph, parent, depth)


def module_stretches(graph: "Graph") -> list[tuple[tuple[Scope, ...], int, int, int]]:
    """For each row of a scope: the scopes down to it, its first node, the one behind its last, and the row's index."""
    return [
        (_down_to(graph.nodes[place.first].scopes, place.scope), place.first, place.last, index)
        for index, place in enumerate(graph.places)
        if place.graph is graph and place.parent is not None and place.node is None
    ]


def node_rows(graph: "Graph") -> list[int]:
    """For each node the index of its row."""
    found = {place.first: index for index, place in enumerate(graph.places) if place.graph is graph and place.single}
    return [found[node.index] for node in graph.nodes]


def last_read(graph: "Graph") -> dict[str, int]:
    """By value, the position of the last node that reads it; behind all nodes for the graph's outputs."""
    last = {name: max(node.index for node, _ in readers) for name, readers in graph.readers.items()}
    last.update((value.name, len(graph.nodes)) for value in graph.outputs)
    return last


def _read_from_outside(graph: "Graph", first: int, last: int) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in graph.nodes[first:last]:
        for name in node.proto.input:
            producer = graph.producers.get(name)
            inside = producer is not None and first <= producer.index
            if name and not inside and not graph.holds(name):
                found[name] = None
    return tuple(found)


def _read_outside(graph: "Graph", first: int, last: int, read: Mapping[str, int]) -> list[str]:
    made = (name for node in graph.nodes[first:last] for name in node.proto.output)
    return [name for name in made if name not in graph.constants and read.get(name, -1) >= last]


def _down_to(scopes: tuple[Scope, ...], scope: Scope) -> tuple[Scope, ...]:
    return scopes[: scopes.index(scope) + 1]

"""Functions that a model brings with it: their calls replaced by what they do, each call with names of its own.

So every value inside a call is a value of the graph: with a shape, a receptive field and, in a run, numbers. Values
inside get the call's path before their name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.paths import placed
from inspector.engine.onnx_model.places import STANDARD_DOMAINS, Node, Scope, Within

MOST_INLINED = 20_000
"""Nodes that calls may add to the table; later calls stay single nodes."""
_MOST_EXPANDED = 1_000_000
"""Nodes of a graph with every call replaced beyond which it is not opened: checking and running replace them all."""
_DEEPEST = 64
FUNCTION = "model.functions"
"""What the expression of everything inside a function begins with."""
_Identifier = tuple[str, str, str]


@dataclass
class Functions:
    """The functions of a model, and how many more nodes their calls may add."""

    by_identifier: Mapping[_Identifier, tuple[int, FunctionProto]]
    versions: Mapping[str, int]
    """Of the operators, by domain, as the model asks for them."""
    remaining: int = MOST_INLINED
    left: list[Node] = field(default_factory=list)
    """Calls that stay single nodes."""

    @classmethod
    def of(cls, model: ModelProto) -> "Functions":
        """Those of the model."""
        found = {
            (_domain(function.domain), function.name, function.overload): (position, function)
            for position, function in enumerate(model.functions)
        }
        return cls(found, {_domain(entry.domain): entry.version for entry in model.opset_import})

    def has(self, node: NodeProto) -> bool:
        """Whether the node calls one of them."""
        return _identifier(node) in self.by_identifier

    def inlined(self, nodes: Iterable[Node], taken: set[str]) -> Iterator[Node]:
        """The nodes, calls replaced by the nodes of their functions; `taken` are the paths that exist."""
        for node in nodes:
            called = self.by_identifier.get(_identifier(node.proto))
            if called is None:
                yield node
            elif not self._can_inline(node, called[1]):
                self.left.append(node)
                yield node
            else:
                position, function = called
                self.remaining -= len(function.node)
                scope = Scope(node.path, node.name, node.operator, call=node)
                within = Within(f"{FUNCTION}[{position}]", node.path, (*node.scopes, scope))
                yield from self.inlined(placed(_body(node, function), within, taken), taken)

    def _can_inline(self, node: Node, function: FunctionProto) -> bool:
        same_versions = all(
            self.versions.get(_domain(entry.domain), entry.version) == entry.version for entry in function.opset_import
        )
        passed_through = set(function.input) & set(function.output)
        few = len(function.node) <= self.remaining and len(node.scopes) < _DEEPEST
        return bool(function.node) and same_versions and not passed_through and few


def refuse_endless(file: str, model: ModelProto) -> None:
    """Raise RequestError where functions call themselves, or call each other so often that nothing can be done."""
    functions = Functions.of(model)
    sizes: dict[_Identifier, int] = {}
    calls = {
        identifier: [call for call in map(_identifier, _every(function.node)) if call in functions.by_identifier]
        for identifier, (_, function) in functions.by_identifier.items()
    }
    for start in calls:
        _measure(file, start, calls, functions, sizes)
    total = sum(sizes.get(_identifier(node), 1) for node in _every(model.graph.node))
    if total > _MOST_EXPANDED:
        raise RequestError(
            f"{file}: its functions call each other so often that they stand for {total:.3g} nodes; "
            f"no more than {_MOST_EXPANDED:,} are opened"
        )


def _measure(
    file: str,
    start: _Identifier,
    calls: Mapping[_Identifier, list[_Identifier]],
    functions: Functions,
    sizes: dict[_Identifier, int],
) -> None:
    """Count the nodes that a call of `start` stands for; the functions under way form the path to the current one."""
    path: dict[_Identifier, Iterator[_Identifier]] = {}
    waiting = start
    while waiting not in sizes:
        remaining = path.setdefault(waiting, iter(calls[waiting]))
        following = next((call for call in remaining if call not in sizes), None)
        if following is None:
            own = sum(1 for _ in _every(functions.by_identifier[waiting][1].node))
            sizes[waiting] = own + sum(sizes[call] for call in calls[waiting])
            del path[waiting]
            waiting = next(reversed(path), start)
        elif following in path:
            circle = [*list(path)[list(path).index(following) :], following]
            named = " calls ".join(name for _, name, _ in circle)
            raise RequestError(
                f"{file} breaks the rules of ONNX: function {named}, without end; export the model again"
            )
        else:
            waiting = following


def _every(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes, and those of the graphs in their attributes."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _every(attribute.g.node)
            for graph in attribute.graphs:
                yield from _every(graph.node)


def _body(call: Node, function: FunctionProto) -> list[NodeProto]:
    """The function's nodes as this call runs them."""
    inputs = [*call.proto.input, *[""] * len(function.input)]
    outputs = [*call.proto.output, *[""] * len(function.output)]
    names = dict(zip(function.input, inputs, strict=False))
    names.update((formal, actual) for formal, actual in zip(function.output, outputs, strict=False) if actual)
    attributes = {attribute.name: attribute for attribute in function.attribute_proto}
    attributes.update((attribute.name, attribute) for attribute in call.proto.attribute)
    renaming = _Renaming(call.path, {**names, "": ""}, attributes)
    return [renaming.node(node) for node in function.node]


@dataclass(frozen=True)
class _Renaming:
    """What names and attributes inside a function mean in one call of it."""

    path: str
    names: Mapping[str, str]
    attributes: Mapping[str, AttributeProto]

    def name(self, own: str) -> str:
        return self.names.get(own, f"{self.path}/{own}")

    def node(self, source: NodeProto) -> NodeProto:
        node = NodeProto()
        node.CopyFrom(source)
        node.input[:] = map(self.name, source.input)
        node.output[:] = map(self.name, source.output)
        del node.attribute[:]
        for attribute in source.attribute:
            self._attribute(node, attribute)
        return node

    def _attribute(self, node: NodeProto, source: AttributeProto) -> None:
        if source.ref_attr_name:
            given = self.attributes.get(source.ref_attr_name)
            if given is not None:
                attribute = node.attribute.add()
                attribute.CopyFrom(given)
                attribute.name = source.name
            return
        attribute = node.attribute.add()
        attribute.CopyFrom(source)
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            self._graph(graph)

    def _graph(self, graph: GraphProto) -> None:
        """Rename inside a body as well: names in a function may be the same as names around its call."""
        for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
            value.name = self.name(value.name)
        for sparse in graph.sparse_initializer:
            sparse.values.name = self.name(sparse.values.name)
        renamed = [self.node(node) for node in graph.node]
        del graph.node[:]
        graph.node.extend(renamed)


def _identifier(node: NodeProto) -> _Identifier:
    return _domain(node.domain), node.op_type, node.overload


def _domain(name: str) -> str:
    return "" if name in STANDARD_DOMAINS else name

"""Renames an initializer, a value or a node of an ONNX graph, everywhere that the name stands."""

from collections.abc import Callable, Iterable, Iterator, MutableSequence

from onnx import AttributeProto, GraphProto, ModelProto, StringStringEntryProto

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.wording import printable
from inspector.engine.onnx_model.functions import FUNCTION
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node

NODE, VALUE = "node:", "value:"
"""What a name to be changed may begin with; without either it is a value's where there is one, else a node's."""
Renamed = tuple[list[str], str, str, Callable[[], None]]


def rename(graph: Graph, edit: Edit) -> Renamed:
    """Give what the edit names its new name; returns keys, what was done, the old name, and how to take it back.

    A name belongs to one thing in the whole file, bodies included: that is stricter than ONNX, and always valid.

    Raises RequestError where nothing has the name, the new one is taken or none, or it is inside a function.
    """
    new = edit.argument.strip()
    if not new or printable(new) != new:
        raise RequestError("a name is a line of text that is not empty; write the new name")
    node = _node(graph, edit.where)
    if node is not None:
        return _rename_node(graph, node, new)
    return _rename_value(graph, edit.where.removeprefix(VALUE), new)


def _node(graph: Graph, where: str) -> Node | None:
    if where.startswith(VALUE):
        return None
    path = where.removeprefix(NODE)
    held = next((node for one in graph.walk() for node in one.nodes if node.path == path), None)
    return held if where.startswith(NODE) or path not in _keys(graph) else None


def _rename_node(graph: Graph, node: Node, new: str) -> Renamed:
    if node.expression.startswith(FUNCTION):
        raise RequestError(f"{node.path!r} is inside a function, where a change would be one of every call")
    proto, before = node.proto, node.proto.name
    if new == before:
        raise RequestError(f"{new!r} is what the node is called already")
    if any(other.proto.name == new for one in graph.walk() for other in one.nodes):
        raise RequestError(f"another node is called {new!r}; choose a name that none has")

    def name(text: str) -> None:
        proto.name = text
        graph.refresh()

    name(new)
    return [], f"node {before or node.path} is now {new}", before, lambda: name(before)


def _rename_value(graph: Graph, key: str, new: str) -> Renamed:
    found = _keys(graph).get(key)
    if found is None:
        raise RequestError(f"nothing is called {key!r}: no initializer, no value and no node of this model")
    holder, old = found
    if holder.within.expression.startswith(FUNCTION):
        raise RequestError(f"{key!r} is inside a function, where a change would be one of every call")
    if new == old:
        raise RequestError(f"{new!r} is what it is called already")
    if new in set(_names(graph.model.graph)):
        raise RequestError(f"another value is called {new!r}; choose a name that none has")

    def change(before: str, after: str) -> None:
        _replace(holder.proto, before, after)
        if holder.outer is None:
            _replace_in_training(graph.model, before, after)
        graph.refresh()

    change(old, new)
    return [holder_key(holder, new)], f"{key} is now {new}", old, lambda: change(new, old)


def holder_key(holder: Graph, name: str) -> str:
    """A value's key: its name, after the path of the body that holds it."""
    return f"{holder.path}/{name}" if holder.path else name


def _keys(graph: Graph) -> dict[str, tuple[Graph, str]]:
    """By key, where each value is made or held, and its name there."""
    found: dict[str, tuple[Graph, str]] = {}
    for one in graph.walk():
        proto = one.proto
        names = [
            *(value.name for value in proto.input),
            *(tensor.name for tensor in proto.initializer),
            *(tensor.values.name for tensor in proto.sparse_initializer),
            *(name for node in proto.node for name in node.output if name),
        ]
        for name in names:
            found.setdefault(holder_key(one, name), (one, name))
    return found


def _names(proto: GraphProto) -> Iterator[str]:
    """Of all values of a graph and of the bodies in it."""
    yield from (value.name for value in proto.input)
    yield from (tensor.name for tensor in proto.initializer)
    yield from (tensor.values.name for tensor in proto.sparse_initializer)
    for node in proto.node:
        yield from node.output
        for body in _bodies(node.attribute):
            yield from _names(body)


def _bodies(attributes: Iterable[AttributeProto]) -> Iterator[GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _replace(proto: GraphProto, old: str, new: str) -> None:
    """In a graph and in the bodies in it, except where a body calls something of its own so."""
    for value in [*proto.input, *proto.output, *proto.value_info, *proto.initializer]:
        if value.name == old:
            value.name = new
    for sparse in proto.sparse_initializer:
        if sparse.values.name == old:
            sparse.values.name = new
    for annotation in proto.quantization_annotation:
        if annotation.tensor_name == old:
            annotation.tensor_name = new
        _replace_values(annotation.quant_parameter_tensor_names, old, new)
    for node in proto.node:
        _replace_listed(node.input, old, new)
        _replace_listed(node.output, old, new)
        for body in _bodies(node.attribute):
            if not _makes(body, old):
                _replace(body, old, new)


def _makes(body: GraphProto, name: str) -> bool:
    held = [*(value.name for value in body.input), *(tensor.name for tensor in body.initializer)]
    return name in held or any(name in node.output for node in body.node)


def _replace_in_training(model: ModelProto, old: str, new: str) -> None:
    for training in model.training_info:
        for bindings in (training.initialization_binding, training.update_binding):
            for entry in bindings:
                entry.key = new if entry.key == old else entry.key
        _replace(training.algorithm, old, new)


def _replace_listed(names: MutableSequence[str], old: str, new: str) -> None:
    for place, name in enumerate(names):
        if name == old:
            names[place] = new


def _replace_values(entries: Iterable[StringStringEntryProto], old: str, new: str) -> None:
    for entry in entries:
        if entry.value == old:
            entry.value = new

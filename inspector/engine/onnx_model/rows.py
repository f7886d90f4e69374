"""The rows of an ONNX model: scopes and nodes in the order in which they run.

A scope whose nodes run in several stretches has one row for each, numbered by `call`, like a module called again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import onnx

from inspector.core.table import FormulaLine, ReceptiveField, Row, Source, SymbolicShape, Tensor
from inspector.engine.onnx_model.graph import Graph, Node, Scope
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.tensors import constant_value, held_by
from inspector.files.dtypes import ITEM_BYTES

_LONGEST = 240
_VIEWS = {"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
"""Operators of which onnxruntime's output lies in their input's memory."""


@dataclass(frozen=True)
class Value:
    """What is known of one value of the graph."""

    shape: list[int] | None
    dtype: str | None


@dataclass(frozen=True)
class Traced:
    """What a pass found out about the nodes; empty before one."""

    values: Mapping[str, Value] = field(default_factory=dict)
    reached: int = 0
    """Nodes before this position ran."""
    fields: Mapping[str, ReceptiveField] = field(default_factory=dict)
    """By the name of a value."""
    formulas: Mapping[int, list[FormulaLine]] = field(default_factory=dict)
    """By the position of a node."""
    operations: Mapping[int, int] = field(default_factory=dict)
    """Floating-point operations, by the position of a node; only of nodes that are counted."""
    symbolic: Mapping[str, SymbolicShape] = field(default_factory=dict)
    """Shapes in symbols by the name of a value, of those that depend on one."""


def rows_of(graph: Graph, tensors: list[Tensor], device: str, name: str, traced: Traced) -> list[Row]:
    """The root, and below it scopes and nodes in preorder."""
    stretches = _stretches(graph.nodes)
    held = [held_by(graph, node) for node in graph.nodes]
    count = _counter(tensors, lambda tensor: tensor.elements)
    count_bytes = _counter(tensors, lambda tensor: tensor.bytes)
    sharing = _sharing(graph, held, tensors)
    made = made_by_rows(graph)
    rows: list[Row] = []
    for index, stretch in enumerate(stretches):
        first, last = stretch.first, stretch.last
        node = stretch.node
        keys = {key: None for keys in held[first:last] for key in keys}
        own = held[first] if node else []
        whole = stretch.parent is None
        # Initializers that no node reads still belong to the model.
        held_below = dict.fromkeys(tensor.key for tensor in tensors) if whole else keys
        parameters, buffers = count(held_below)
        parameter_bytes, buffer_bytes = count_bytes(held_below)
        reads = [value.name for value in graph.inputs] if whole else _read_from_outside(graph, first, last)
        makes = made[index]
        known = [traced.values[value] for value in makes if value in traced.values]
        counted = [traced.operations[at] for at in range(first, last) if at in traced.operations]
        rows.append(
            Row(
                index=index,
                parent=stretch.parent,
                kind="node" if node else "module",
                path=node.path if node else stretch.scope.path,
                call=stretch.call,
                type=node.operator if node else stretch.scope.type,
                depth=stretch.depth,
                subtree=stretch.subtree,
                name=node.name if node else stretch.scope.name or name,
                reached=first < traced.reached,
                hyperparameters=hyperparameters(node) if node else "",
                parameters=parameters,
                own_parameters=count(own)[0],
                trainable_parameters=parameters,
                buffers=buffers,
                parameter_bytes=parameter_bytes,
                buffer_bytes=buffer_bytes,
                shared_with=sharing.get(first, []) if node else [],
                input_shapes=_shapes(traced, reads),
                output_shapes=_shapes(traced, makes),
                symbolic_shapes=_symbolic(traced, makes),
                output_bytes=_bytes_of(known) if len(known) == len(makes) else None,
                dtype=known[0].dtype if known else None,
                device=device,
                flops=sum(counted) if counted else None,
                activation_bytes=_newly_made(graph, first, last, traced),
                source=source_line(node) if node else None,
                formula=traced.formulas.get(first) if node else None,
                receptive_field=traced.fields.get(makes[0]) if makes else None,
            )
        )
    return rows


def made_by_rows(graph: Graph) -> list[list[str]]:
    """For each row the values it makes: a node its outputs, a scope what is read outside it, the root its outputs."""
    read = last_read(graph)
    made = []
    for stretch in _stretches(graph.nodes):
        if stretch.parent is None:
            made.append([value.name for value in graph.model.graph.output])
        elif stretch.node is not None:
            made.append([name for name in stretch.node.proto.output if name])
        else:
            made.append(_read_outside(graph, stretch.first, stretch.last, read))
    return made


def module_stretches(graph: Graph) -> list[tuple[tuple[Scope, ...], int, int, int]]:
    """For each row of a scope: the scopes down to it, its first node, the one behind its last, and the row's index."""
    return [
        (_down_to(graph.nodes[one.first].scopes, one.scope), one.first, one.last, index)
        for index, one in enumerate(_stretches(graph.nodes))
        if one.parent is not None and one.node is None
    ]


def node_rows(graph: Graph) -> list[int]:
    """For each node the index of its row."""
    return [index for index, one in enumerate(_stretches(graph.nodes)) if one.node is not None]


def hyperparameters(node: Node) -> str:
    """A node's attributes on one line."""
    if node.standard and node.proto.op_type == "Constant" and node.proto.output:
        value = constant_value(node)
        if value is not None:
            return _tensor_text(value)
    parts = [f"{attribute.name}={_attribute_text(attribute)}" for attribute in node.proto.attribute]
    return _short(", ".join(parts))


def _attribute_text(attribute: onnx.AttributeProto) -> str:
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _tensor_text(attribute.t)
    if attribute.type == onnx.AttributeProto.GRAPH:
        return f"graph of {len(attribute.g.node)} nodes"
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except ValueError:
        return "?"
    if isinstance(value, bytes):
        return repr(value.decode("utf-8", "replace"))
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    items = [f"{item:g}" if isinstance(item, (int, float)) else repr(item) for item in list(value)[:16]]
    return f"({', '.join(items)}{', …' if len(value) > 16 else ''})"


def _tensor_text(tensor: onnx.TensorProto) -> str:
    described = f"{dtype_name(tensor.data_type)} {'×'.join(map(str, tensor.dims)) or 'scalar'}"
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    if external or tensor.data_type == onnx.TensorProto.STRING or any(size > 8 for size in tensor.dims):
        return described
    if len(tensor.dims) > 1:
        return described
    return f"{onnx.numpy_helper.to_array(tensor).tolist()} ({described})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def source_line(node: Node) -> Source | None:
    """The line of the model's code, where torch's exporter wrote the stack down."""
    return next(source_lines(node), None)


def source_lines(node: Node) -> Iterator[Source]:
    """The stack that torch's exporter wrote down, the innermost line first."""
    trace = next((e.value for e in node.proto.metadata_props if e.key == "pkg.torch.onnx.stack_trace"), "")
    lines = trace.strip().splitlines()
    for position in range(len(lines) - 1, -1, -1):
        parts = lines[position].strip().split(", ")
        if parts[0].startswith('File "') and len(parts) >= 2 and parts[1].removeprefix("line ").isdigit():
            text = lines[position + 1].strip() if position + 1 < len(lines) else ""
            yield Source(file=parts[0][6:].rstrip('"'), line=int(parts[1].removeprefix("line ")), text=text)


def _down_to(scopes: tuple[Scope, ...], scope: Scope) -> tuple[Scope, ...]:
    return scopes[: scopes.index(scope) + 1]


@dataclass
class _Stretch:
    """Nodes `first` to `last` − 1: of a scope, or one node of it."""

    scope: Scope
    node: Node | None
    parent: int | None
    depth: int
    call: int
    first: int
    last: int
    subtree: int = 1


def _stretches(nodes: list[Node]) -> list[_Stretch]:
    root = Scope("", "", "graph")
    stretches = [_Stretch(root, None, None, 0, 0, 0, len(nodes))]
    opened: list[tuple[Scope, int]] = [(root, 0)]
    calls: dict[str, int] = {}
    for node in nodes:
        wanted = (root, *node.scopes)
        common = 0
        while common < min(len(wanted), len(opened)) and opened[common][0] == wanted[common]:
            common += 1
        _close(stretches, opened, common, node.index)
        for scope in wanted[common:]:
            call = calls.get(scope.path, 0)
            calls[scope.path] = call + 1
            opened.append((scope, len(stretches)))
            stretches.append(_Stretch(scope, None, opened[-2][1], len(opened) - 1, call, node.index, 0))
        stretches.append(_Stretch(opened[-1][0], node, opened[-1][1], len(opened), 0, node.index, node.index + 1))
    _close(stretches, opened, 0, len(nodes))
    return stretches


def _close(stretches: list[_Stretch], opened: list[tuple[Scope, int]], kept: int, position: int) -> None:
    for _, index in opened[kept:]:
        stretches[index].last = position
        stretches[index].subtree = len(stretches) - index
    del opened[kept:]


def _counter(
    tensors: list[Tensor], amount: Callable[[Tensor], int | None]
) -> Callable[[Mapping[str, None] | list[str]], tuple[int, int]]:
    """Adds up amounts of parameters and of buffers among keys, those at the same place of a file once."""
    leader = {tensor.key: min([tensor.key, *tensor.tied_to]) for tensor in tensors}
    amounts = {tensor.key: amount(tensor) or 0 for tensor in tensors}
    trained = {tensor.key for tensor in tensors if tensor.kind == "parameter"}

    def count(keys: Mapping[str, None] | list[str]) -> tuple[int, int]:
        distinct = {leader[key] for key in keys if key in leader}
        parameters = sum(amounts[key] for key in distinct if key in trained)
        return parameters, sum(amounts[key] for key in distinct) - parameters

    return count


def _sharing(graph: Graph, held: list[list[str]], tensors: list[Tensor]) -> dict[int, list[str]]:
    """For each node, the paths of the others that read one of its parameters."""
    leader = {t.key: min([t.key, *t.tied_to]) for t in tensors if t.kind == "parameter"}
    holders: dict[str, list[int]] = {}
    for position, keys in enumerate(held):
        for key in {leader[key] for key in keys if key in leader}:
            holders.setdefault(key, []).append(position)
    sharing: dict[int, dict[str, None]] = {}
    for positions in holders.values():
        if len(positions) > 1:
            for position in positions:
                others = (graph.nodes[other].path for other in positions if other != position)
                sharing.setdefault(position, {}).update(dict.fromkeys(others))
    return {position: list(paths) for position, paths in sharing.items()}


def last_read(graph: Graph) -> dict[str, int]:
    """By value, the position of the last node that reads it; behind all nodes for the graph's outputs."""
    last = {name: max(node.index for node, _ in readers) for name, readers in graph.readers.items()}
    last.update((value.name, len(graph.nodes)) for value in graph.model.graph.output)
    return last


def _read_from_outside(graph: Graph, first: int, last: int) -> list[str]:
    """Values that nodes of a stretch read and no node of it makes; weights and constants aside."""
    found: dict[str, None] = {}
    for node in graph.nodes[first:last]:
        for name in node.proto.input:
            producer = graph.producers.get(name)
            inside = producer is not None and first <= producer.index
            if name and not inside and name not in graph.initializers and name not in graph.constants:
                found[name] = None
    return list(found)


def _read_outside(graph: Graph, first: int, last: int, last_read: Mapping[str, int]) -> list[str]:
    """Values that a stretch makes and a later node, or the caller, reads; constants aside."""
    made = (name for node in graph.nodes[first:last] for name in node.proto.output)
    return [name for name in made if name not in graph.constants and last_read.get(name, -1) >= last]


def _newly_made(graph: Graph, first: int, last: int, traced: Traced) -> int | None:
    """Bytes that nodes of a stretch take for their outputs: nothing where these are their inputs seen otherwise."""
    makers = (n for n in graph.nodes[first:last] if n.proto.op_type not in _VIEWS or not n.standard)
    made = [name for node in makers for name in node.proto.output if name and name not in graph.constants]
    known = [traced.values[name] for name in made if name in traced.values]
    return _bytes_of(known) if traced.values and len(known) == len(made) else None


def _shapes(traced: Traced, names: list[str]) -> list[list[int]]:
    shapes = (traced.values[name].shape for name in names if name in traced.values)
    return [shape for shape in shapes if shape is not None]


def _symbolic(traced: Traced, names: list[str]) -> list[SymbolicShape]:
    if not any(name in traced.symbolic for name in names):
        return []
    known = [(traced.symbolic.get(name), value) for name in names if (value := traced.values.get(name)) is not None]
    return [symbolic or [*(value.shape or [])] for symbolic, value in known if value.shape is not None]


def _bytes_of(values: list[Value]) -> int | None:
    """What the elements of some values take; None where a shape or the size of an element is not known."""
    total = 0
    for value in values:
        # Elements of less than a byte are packed here, and are not in torch.
        size = None if value.dtype in ("int2", "uint2", "int4", "uint4") else ITEM_BYTES.get(value.dtype or "")
        if value.shape is None or size is None:
            return None
        total += prod(value.shape) * size
    return total

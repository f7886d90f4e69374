"""The rows of an ONNX model: what is known of each place of its layout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from msgspec.structs import replace

from inspector.core.table import (
    FormulaLine,
    ReceptiveField,
    Row,
    Source,
    SymbolicShape,
    Tensor,
    countable,
    multiply_adds,
)
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.hyperparameters import hyperparameters
from inspector.engine.onnx_model.layout import Place
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.tensors import held_by
from inspector.files.dtypes import ITEM_BYTES

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
    devices: Mapping[int, str] = field(default_factory=dict)
    """Where each node really ran, by its position."""
    bodies: Mapping[str, "Traced"] = field(default_factory=dict)
    """Of the bodies that a pass went through, by their path."""

    def of(self, graph: Graph) -> "Traced":
        """What was found out about the main graph or a body; what the file says without a pass."""
        return self if graph.outer is None else self.bodies.get(graph.path, Traced())


def rows_of(graph: Graph, tensors: list[Tensor], device: str, name: str, traced: Traced) -> list[Row]:
    """The root, and below it scopes, nodes and what is inside nodes, in preorder."""
    places = graph.places
    held = [held_by(place.graph, place.node) if place.node and place.single else [] for place in places]
    count = _counter(tensors, lambda tensor: tensor.elements)
    count_trained = _counter(tensors, lambda tensor: tensor.elements if tensor.trainable else 0)
    count_bytes = _counter(tensors, lambda tensor: tensor.bytes)
    sharing = _sharing(places, held, tensors)
    rows: list[Row] = []
    for index, place in enumerate(places):
        node, known = place.node, traced.of(place.graph)
        whole = place.parent is None
        # Initializers that no node reads still belong to the model.
        below = held[index : index + place.subtree]
        held_below = dict.fromkeys(t.key for t in tensors) if whole else {key: None for keys in below for key in keys}
        parameters, buffers = count(held_below)
        parameter_bytes, buffer_bytes = count_bytes(held_below)
        flops = _operations(place.graph, traced, place.first, place.last)
        values = [known.values[value] for value in place.makes if value in known.values]
        rows.append(
            Row(
                index=index,
                parent=place.parent,
                kind="node" if node else "module",
                path=place.path,
                call=place.call,
                type=node.operator if node else place.scope.type,
                depth=place.depth,
                subtree=place.subtree,
                name=node.name if node else place.scope.name or name,
                reached=place.first < known.reached,
                hyperparameters=hyperparameters(node) if node else "",
                parameters=parameters,
                own_parameters=count(held[index])[0],
                trainable_parameters=count_trained(held_below)[0],
                buffers=buffers,
                parameter_bytes=parameter_bytes,
                buffer_bytes=buffer_bytes,
                shared_with=sharing.get(index, []),
                input_shapes=_shapes(known, place.reads),
                output_shapes=_shapes(known, place.makes),
                symbolic_shapes=_symbolic(known, place.makes),
                output_bytes=_bytes_of(values) if len(values) == len(place.makes) else None,
                dtype=values[0].dtype if values else None,
                device=_devices(known, place.first, place.last) or device,
                values=[place.graph.key(value) for value in place.makes],
                flops=flops,
                macs=multiply_adds(flops),
                activation_bytes=_newly_made(place.graph, place.first, place.last, known),
                source=source_line(node) if node else None,
                formula=known.formulas.get(place.first) if place.single else None,
                receptive_field=known.fields.get(place.makes[0]) if place.makes else None,
            )
        )
    return rows


def moved(rows: list[Row], graph: Graph, device: str, traced: Traced) -> list[Row]:
    """The same rows where a pass ran them."""
    return [
        replace(row, device=_devices(traced.of(place.graph), place.first, place.last) or device)
        for row, place in zip(rows, graph.places, strict=True)
    ]


def _devices(known: Traced, first: int, last: int) -> str:
    """Where the nodes of a stretch ran: ``cpu, cuda:0`` where on both; "" without a run."""
    return ", ".join(sorted({known.devices[at] for at in range(first, last) if at in known.devices}))


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


def source_of(node: Node) -> Source | None:
    """The line of the model's code that became a node, where the exporter wrote it down."""
    return next(source_lines(node), None)


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


def _sharing(places: list[Place], held: list[list[str]], tensors: list[Tensor]) -> dict[int, list[str]]:
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
                others = (places[other].path for other in positions if other != position)
                sharing.setdefault(position, {}).update(dict.fromkeys(others))
    return {position: list(paths) for position, paths in sharing.items()}


def _operations(graph: Graph, traced: Traced, first: int, last: int) -> int | None:
    """Of the nodes of a stretch, with the branch that an If took; None where there are none, or nobody knows how often.

    How many iterations a Loop or Scan takes is not looked at.
    """
    own = traced.of(graph).operations
    counts = [own[at] for at in range(first, last) if at in own]
    for at in range(first, last):
        for body in graph.bodies.get(at, []):
            inside = _operations(body.graph, traced, 0, len(body.graph.nodes))
            if inside is not None and body.node.proto.op_type != "If":
                return None
            counts += [] if inside is None else [inside]
    return countable(sum(counts)) if counts else None


def _newly_made(graph: Graph, first: int, last: int, known: Traced) -> int | None:
    """Bytes that nodes of a stretch take for their outputs: nothing where these are their inputs seen otherwise."""
    makers = (n for n in graph.nodes[first:last] if n.proto.op_type not in _VIEWS or not n.standard)
    made = [name for node in makers for name in node.proto.output if name and name not in graph.constants]
    values = [known.values[name] for name in made if name in known.values]
    return _bytes_of(values) if known.values and len(values) == len(made) else None


def _shapes(traced: Traced, names: Sequence[str]) -> list[list[int]]:
    shapes = (traced.values[name].shape for name in names if name in traced.values)
    return [shape for shape in shapes if shape is not None]


def _symbolic(traced: Traced, names: Sequence[str]) -> list[SymbolicShape]:
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
    return countable(total)

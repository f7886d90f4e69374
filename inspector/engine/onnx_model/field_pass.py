"""Receptive fields of all values of a graph: one walk over the nodes, with the rules that torch functions use too.

A body of an If, Loop or Scan is walked with the fields of what it is given the first time it runs. What comes out of an
If is what its branches make: of the one that is taken, where the sizes alone decide; else of both together, which is
more than either sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from msgspec import structs

from inspector.core.field_rules import apply
from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, OpCall, TrackedInputs, merged, unknown
from inspector.core.table import ReceptiveField
from inspector.engine.onnx_model.body_pass import inferred_body
from inspector.engine.onnx_model.constant_values import NONE_GIVEN, ConstantValues, GivenValues
from inspector.engine.onnx_model.entering import Given, enters, first_inputs
from inspector.engine.onnx_model.field_readers import READERS
from inspector.engine.onnx_model.graph import Body, Graph, captured
from inspector.engine.onnx_model.node_view import Known, NodeView, UnreadableError
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.rows import Traced, Value


@dataclass(frozen=True)
class FieldPass:
    """The fields of a graph's values, by name."""

    graph: Graph
    values: Mapping[str, Value]
    fields: Mapping[str, Field | None]
    tracked: TrackedInputs

    @cached_property
    def shapes(self) -> dict[str, list[int]]:
        """Those that are known."""
        return {name: value.shape for name, value in self.values.items() if value.shape is not None}

    @cached_property
    def told(self) -> dict[str, ReceptiveField]:
        """What is told of every value that has a field."""
        each = ((name, self.tracked.receptive_field(field)) for name, field in self.fields.items())
        return {name: field for name, field in each if field is not None}

    def inside(self, bodies: Mapping[str, Traced]) -> Iterator[tuple[str, dict[str, ReceptiveField]]]:
        """By its path, what is told of the values of every body that a pass went through."""
        for inside in self.graph.bodies.values():
            for body in inside:
                traced, given = bodies.get(body.graph.path), first_inputs(body)
                if traced is not None and given is not None:
                    entered = self._entered(body, given, traced.values)
                    yield body.graph.path, entered.told
                    yield from entered.inside(bodies)

    def _entered(self, body: Body, given: list[Given], values: Mapping[str, Value]) -> "FieldPass":
        own = {value.name: self._given(one) for value, one in zip(body.graph.proto.input, given, strict=True)}
        around = {name: self.fields.get(name) for name in body.graph.captured}
        return _walked(body.graph, values, {**around, **own}, self.tracked, NONE_GIVEN)

    def _given(self, source: Given) -> Field | None:
        """The field of what an input of a body is: a value here, or one slice of it."""
        field, shape = self.fields.get(source.name), tuple(self.shapes.get(source.name, ()))
        for axis, index in source.at:
            if field is None or not -len(shape) <= axis < len(shape):
                return None
            items: list[IndexItem] = [(0, 1)] * len(shape)
            items[axis] = index
            axis %= len(shape)
            left = (*shape[:axis], *shape[axis + 1 :])
            call = OpCall(op="slice", inputs=[(shape, field)], output_shapes=[left], settings={"items": items})
            (field,), shape = apply(call), left
        return field


def receptive_fields(graph: Graph, values: Mapping[str, Value], given: GivenValues = NONE_GIVEN) -> FieldPass:
    """The receptive field of every value that has one; shapes have to be known."""
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    inputs = [value.name for value in graph.inputs if value.name in shapes]
    tracked = TrackedInputs(
        [tuple(shapes[name]) for name in inputs],
        ["float" in (values[name].dtype or "") for name in inputs],
    )
    seeds = {name: tracked.seed(number) for number, name in enumerate(inputs) if shapes[name]}
    return _walked(graph, values, seeds, tracked, given)


def _walked(
    graph: Graph,
    values: Mapping[str, Value],
    seeds: Mapping[str, Field | None],
    tracked: TrackedInputs,
    given: GivenValues,
) -> FieldPass:
    fields = dict(seeds)
    walk = FieldPass(graph, values, fields, tracked)
    known = Known(graph, walk.shapes, ConstantValues(graph, walk.shapes, given).of, fields, tracked)
    for node in graph.nodes:
        names = [name for name in node.proto.output if name]
        made = _through_branches(node, known, walk) if node.operator == "If" else None
        fields.update(zip(names, made or _through(node, known), strict=False))
    return walk


def _through_branches(node: Node, known: Known, around: FieldPass) -> Fields | None:
    """The fields of what an If puts out; None where a branch is not known, or makes another shape."""
    condition = known.constants(node.proto.input[0]) if node.proto.input else None
    branches = [
        body
        for body in known.graph.bodies.get(node.index, [])
        if condition is None or enters(body, lambda name: float(condition.reshape(-1)[0])) is not False
    ]
    each = [_of_branch(body, node, around) for body in branches]
    fields = [one for one in each if one is not None]
    if not fields or len(fields) < len(branches):
        return None
    return [_either(list(one), node.path) for one in zip(*fields, strict=True)]


def _of_branch(body: Body, node: Node, around: FieldPass) -> Fields | None:
    read = {name: around.values[name] for name in body.graph.captured if name in around.values}
    graph, values = inferred_body(body.graph, read)
    inside = _walked(graph, values, {name: around.fields.get(name) for name in read}, around.tracked, NONE_GIVEN)
    pairs = [(made, value.name) for made, value in zip(node.proto.output, graph.outputs, strict=True) if made]
    if any(inside.shapes.get(name) is None or inside.shapes[name] != around.shapes.get(made) for made, name in pairs):
        return None
    return [inside.fields.get(name) for _, name in pairs]


def _either(fields: Fields, path: str) -> Field | None:
    """What is seen through one of several branches: no more than all of them see."""
    together = merged(fields, path)
    if together is None or all(field == together for field in fields):
        return together
    return together.each(lambda seen: structs.replace(seen, edges=structs.replace(seen.edges, exact=False)))


def _through(node: Node, known: Known) -> Fields:
    names = [name for name in node.proto.output if name]
    read = [known.fields.get(name) for name in [*node.proto.input, *captured(node.proto)] if name]
    if all(field is None for field in read):
        return [None] * len(names)
    reader = READERS.get(node.operator)
    if reader is not None:
        try:
            return reader(NodeView(node, known))
        except UnreadableError:
            pass
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, AssertionError, AttributeError):
            # An attribute of the wrong length or type: one bad node must not take the table away.
            pass
    return [unknown(read, node.operator)] * len(names)

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
from inspector.core.field_rules.added import added_fields
from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, OpCall, TrackedInputs, merged, unknown
from inspector.core.table import ReceptiveField
from inspector.engine.onnx_model.body_pass import inferred_body
from inspector.engine.onnx_model.constant_values import ConstantValues, GivenValues
from inspector.engine.onnx_model.entering import Given, enters, first_inputs
from inspector.engine.onnx_model.field_readers import READERS
from inspector.engine.onnx_model.graph import Body, Graph, captured
from inspector.engine.onnx_model.node_view import Constants, Known, NodeView, UnreadableError
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.rows import Traced, Value


@dataclass(frozen=True)
class FieldPass:
    """The fields of a graph's values, by name."""

    graph: Graph
    values: Mapping[str, Value]
    fields: Mapping[str, Field | None]
    tracked: TrackedInputs
    bodies: Mapping[str, Traced]
    """By their paths, the bodies that a pass went through."""
    constants: Constants
    """The small values that depend on no input's values."""

    @cached_property
    def shapes(self) -> dict[str, list[int]]:
        """Those that are known."""
        return {name: value.shape for name, value in self.values.items() if value.shape is not None}

    @cached_property
    def told(self) -> dict[str, ReceptiveField]:
        """What is told of every value that has a field."""
        each = ((name, self.tracked.receptive_field(field)) for name, field in self.fields.items())
        return {name: field for name, field in each if field is not None}

    def inside(self) -> Iterator[tuple[str, dict[str, ReceptiveField]]]:
        """By its path, what is told of the values of every body that a pass went through."""
        for inside in self.graph.bodies.values():
            for body in inside:
                traced, given = self.bodies.get(body.graph.path), first_inputs(body)
                if traced is not None and given is not None:
                    entered = self._entered(body, given, traced.values)
                    yield body.graph.path, entered.told
                    yield from entered.inside()

    def _entered(self, body: Body, given: list[Given], values: Mapping[str, Value]) -> "FieldPass":
        own = {value.name: self._given(one) for value, one in zip(body.graph.proto.input, given, strict=True)}
        around = {name: self.fields.get(name) for name in body.graph.captured}
        return self.walked(body, values, {**around, **own})

    def walked(self, body: Body, values: Mapping[str, Value], seeds: Mapping[str, Field | None]) -> "FieldPass":
        """The same of a body, `seeds` being the fields of what it is given and reads around it."""
        known = {name: self.constants(name) for name in body.graph.captured}
        given = {name: value for name, value in known.items() if value is not None}
        return _walked(body.graph, values, seeds, self.tracked, given, self.bodies)

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


def receptive_fields(
    graph: Graph, values: Mapping[str, Value], given: GivenValues, bodies: Mapping[str, Traced]
) -> FieldPass:
    """The receptive field of every value that has one; shapes have to be known."""
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    inputs = [value.name for value in graph.inputs if value.name in shapes]
    tracked = TrackedInputs(
        [tuple(shapes[name]) for name in inputs],
        ["float" in (values[name].dtype or "") for name in inputs],
    )
    seeds = {name: tracked.seed(number) for number, name in enumerate(inputs) if shapes[name]}
    return _walked(graph, values, seeds, tracked, given, bodies)


def _walked(
    graph: Graph,
    values: Mapping[str, Value],
    seeds: Mapping[str, Field | None],
    tracked: TrackedInputs,
    given: GivenValues,
    bodies: Mapping[str, Traced],
) -> FieldPass:
    fields = dict(seeds)
    shapes = {name: value.shape for name, value in values.items() if value.shape is not None}
    constants = ConstantValues(graph, shapes, given).of
    walk = FieldPass(graph, values, fields, tracked, bodies, constants)
    known = Known(graph, shapes, constants, fields, tracked)
    for node in graph.nodes:
        names = [name for name in node.proto.output if name]
        fields.update(zip(names, _through(node, known, walk), strict=False))
    return walk


def _through_branches(node: Node, known: Known, around: FieldPass) -> Fields:
    """The fields of what an If puts out.

    Raises UnreadableError where a branch is not known, or makes another shape.
    """
    condition = known.constants(node.proto.input[0])
    branches = [
        body
        for body in known.graph.bodies.get(node.index, [])
        if condition is None or enters(body, lambda name: float(condition.reshape(-1)[0])) is not False
    ]
    each = [_of_branch(body, node, around) for body in branches]
    if not each:
        raise UnreadableError
    return [_either(list(fields), node.path) for fields in zip(*each, strict=True)]


def _of_branch(body: Body, node: Node, around: FieldPass) -> Fields:
    traced = around.bodies.get(body.graph.path)
    if traced is not None:
        values = traced.values
    else:
        read = {name: around.values[name] for name in body.graph.captured if name in around.values}
        values = inferred_body(body.graph, read)[1]
    seeds = {name: around.fields.get(name) for name in body.graph.captured}
    inside = around.walked(body, values, seeds)
    outputs = [value.name for value in body.graph.outputs]
    pairs = [(made, name) for made, name in zip(node.proto.output, outputs, strict=True) if made]
    if any(inside.shapes.get(name) is None or inside.shapes[name] != around.shapes.get(made) for made, name in pairs):
        raise UnreadableError
    return [inside.fields.get(name) for _, name in pairs]


def _either(fields: Fields, path: str) -> Field | None:
    """What is seen through one of several branches: no more than all of them see."""
    together = merged(fields, path)
    if together is None or all(field == together for field in fields):
        return together
    return together.each(lambda seen: structs.replace(seen, edges=structs.replace(seen.edges, exact=False)))


def _through(node: Node, known: Known, around: FieldPass) -> Fields:
    names = [name for name in node.proto.output if name]
    read = [known.fields.get(name) for name in [*node.proto.input, *captured(node.proto)] if name]
    if all(field is None for field in read):
        return [None] * len(names)
    reader = READERS.get(node.operator)
    try:
        if node.operator == "If":
            return _through_branches(node, known, around)
        if reader is not None:
            return reader(NodeView(node, known))
        added = added_fields(NodeView(node, known).as_added())
        if added is not None:
            return added
    except UnreadableError:
        pass
    except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, AssertionError, AttributeError):
        # An attribute of the wrong length or type: one bad node must not take the table away.
        pass
    return [unknown(read, node.operator)] * len(names)

"""A node during the field pass: shapes, fields and settings of its inputs, by position."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy
import onnx

from inspector.core.field_rules import apply
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, OpCall, Shape, TrackedInputs
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node

T = TypeVar("T")
Operand = tuple[Shape, Field | None]
Constants = Callable[[str], numpy.ndarray[Any, Any] | None]
"""The value of a name where it depends on no input's values, else None."""


class UnreadableError(Exception):
    """The node's settings or shapes are not known, so its rule cannot be applied."""


@dataclass(frozen=True)
class Known:
    """What is known of the values of a graph."""

    graph: Graph
    shapes: Mapping[str, list[int]]
    constants: Constants
    fields: Mapping[str, Field | None] = field(default_factory=dict)
    tracked: TrackedInputs | None = None


class NodeView:
    """One node with what is known of the values it reads and makes."""

    def __init__(self, node: Node, known: Known) -> None:
        self.node = node
        self.opset = known.graph.opset()
        self._known = known
        self._attributes = {attribute.name: attribute for attribute in node.proto.attribute}

    def maker(self, slot: int) -> "NodeView | None":
        """The node that makes an input; None for what the graph is given or holds."""
        maker = self._known.graph.producers.get(self.node.proto.input[slot]) if self.has(slot) else None
        return None if maker is None else NodeView(maker, self._known)

    def has(self, slot: int) -> bool:
        """Whether the input at this position is given."""
        return slot < len(self.node.proto.input) and bool(self.node.proto.input[slot])

    def shape(self, slot: int) -> Shape:
        """The shape of an input.

        Raises UnreadableError where it is not known.
        """
        shape = self._known.shapes.get(self.node.proto.input[slot]) if self.has(slot) else None
        if shape is None:
            raise UnreadableError
        return tuple(shape)

    def operand(self, slot: int) -> Operand:
        """Shape and field of an input."""
        return self.shape(slot), self._known.fields.get(self.node.proto.input[slot])

    def operands(self) -> list[Operand]:
        """All inputs that are given."""
        return [self.operand(slot) for slot in range(len(self.node.proto.input)) if self.has(slot)]

    def output(self, place: int = 0) -> Shape:
        """The shape of an output.

        Raises UnreadableError where it is not known.
        """
        name = self.node.proto.output[place]
        shape = self._known.shapes.get(name)
        if shape is None:
            raise UnreadableError
        return tuple(shape)

    def attribute(self, name: str, default: T) -> T:
        """An attribute of the default's type, bytes as text."""
        attribute = self._attributes.get(name)
        if attribute is None:
            return default
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif not isinstance(value, (int, float, str)):
            value = list(value)
        return value  # type: ignore[no-any-return]

    def as_added(self) -> OpCall:
        """The node as rules of other distributions see it. Raises UnreadableError where a shape is not known."""
        settings: dict[str, object] = {name: self.attribute(name, None) for name in self._attributes}
        return OpCall(
            op=self.node.operator,
            inputs=self.operands(),
            output_shapes=[self.output(place) for place, name in enumerate(self.node.proto.output) if name],
            settings={"name": self.node.operator, "args": [], "kwargs": settings},
            path=self.node.path,
        )

    def given(self, name: str) -> bool:
        """Whether the attribute is written down."""
        return name in self._attributes

    def integers(self, slot: int) -> list[int]:
        """The integers at an input, flattened.

        Raises UnreadableError where they depend on the input's values.
        """
        return [int(number) for number in self.numbers(slot)]

    def numbers(self, slot: int) -> list[float]:
        """The numbers at an input, flattened.

        Raises UnreadableError where they depend on the input's values.
        """
        value = self.array(slot)
        if value is None:
            raise UnreadableError
        return [number.item() for number in value.reshape(-1)]

    def array(self, slot: int) -> numpy.ndarray[Any, Any] | None:
        """The value of an input; None where it depends on the input's values or is large."""
        return self._known.constants(self.node.proto.input[slot]) if self.has(slot) else None

    def setting(self, name: str, slot: int, default: list[int] | None) -> list[int] | None:
        """Integers that were an attribute in older versions and are an input in newer ones."""
        if self.given(name):
            value: int | list[int] = self.attribute(name, [0])
            return value if isinstance(value, list) else [value]
        return self.integers(slot) if self.has(slot) else default

    def apply(self, op: str, operands: Sequence[Operand], /, **settings: object) -> Fields:
        """Apply a rule of the registry to operands, for all outputs of the node."""
        shapes = [tuple(self._known.shapes.get(name, self.output())) for name in self.node.proto.output if name]
        return self.apply_for(op, operands, shapes, **settings)

    def apply_to(self, op: str, operand: Operand, output: Shape, /, **settings: object) -> Operand:
        """Apply a rule to one operand on the way; the result is an operand again."""
        return output, self.apply_for(op, [operand], [output], **settings)[0]

    def apply_for(
        self, op: str, operands: Sequence[Operand], outputs: Sequence[Shape], /, **settings: object
    ) -> Fields:
        """Apply a rule as if the node's outputs had these shapes."""
        call = OpCall(
            op=op,
            inputs=list(operands),
            output_shapes=list(outputs),
            settings={"name": self.node.operator, **settings},
            path=self.node.path,
        )
        return apply(call, self._known.tracked)

"""Values for inputs that nobody gives: what the nodes that read them can take.

Integers are seldom just numbers: they index tables, count, name axes, or are a shape. What an input has to be is
told by the operator and the slot that reads it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.written_sizes import integers_in

_PASSED_ON = {
    "Cast", "Concat", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators whose output holds the same integers, on the way from an input to where they are indices."""
_FAR = 2**31 - 1

Shapes = Callable[[], Mapping[str, Sequence[int]]]
"""Shapes of values by name, worked out when they are asked for."""
Literal = int | float | list[int] | list[float]

_MOST = 1 << 16
"""Numbers that tell a node what to do; more of them are no setting."""


@dataclass(frozen=True)
class Below:
    """Indices: integers from 0 to one less than `high`."""

    high: int


@dataclass(frozen=True)
class Use:
    """A node that reads an input."""

    node: Node
    shape: Sequence[int]
    """Of the input."""
    shapes: Shapes
    graph: Graph

    @property
    def count(self) -> int:
        """Elements of the input, which lists something.

        Raises RequestError where there are more than anything to list.
        """
        count = self.shape[0] if self.shape else 1
        if count > _MOST:
            raise RequestError(f"it declares {count:,} numbers for that, and no tensor has as many axes or parts")
        return count

    def size_of(self, slot: int) -> Sequence[int]:
        """The shape of what the node reads in another slot. Raises RequestError where it is not known."""
        names = self.node.proto.input
        shape = self.shapes().get(names[slot]) if slot < len(names) else None
        if shape is None:
            raise RequestError("what it has to be depends on a shape that is not known")
        return shape

    def axis(self, default: int) -> int:
        """The node's attribute."""
        return self.number("axis", default)

    def number(self, name: str, default: int) -> int:
        """An integer attribute of the node."""
        return next((one.i for one in self.node.proto.attribute if one.name == name), default)


_Rule = Callable[[Use], Literal | Below | None]


def generated(graph: Graph, name: str, shape: Sequence[int], shapes: Shapes) -> Literal | Below | None:
    """What the input `name` of this shape is to be; None where any number does.

    Raises RequestError where only the user can tell.
    """
    indices: list[int] = []
    waiting, met, first = [name], {name}, True
    while waiting:
        for node, slot in graph.readers.get(waiting.pop(), []):
            kind = node.proto.op_type if node.standard else ""
            rule = _RULES.get((kind, slot))
            wanted = None if rule is None else _ruled(rule, Use(node, shape, shapes, graph), name, first)
            if isinstance(wanted, Below):
                indices.append(wanted.high)
            elif wanted is not None and first:
                return wanted
            elif kind in _PASSED_ON and (slot == 0 or kind == "Concat"):
                waiting.extend(output for output in node.proto.output if output not in met)
                met.update(node.proto.output)
        first = False
    least = min((high for high in indices if high > 0), default=None)
    return None if least is None else Below(least)


def _ruled(rule: _Rule, use: Use, name: str, first: bool) -> Literal | Below | None:
    try:
        return rule(use)
    except (RequestError, IndexError) as problem:
        if not first:
            return None
        why = str(problem) if isinstance(problem, RequestError) else "it names an axis that is not there"
        raise RequestError(
            f"input {name!r} tells {use.node.operator} node {use.node.path} what to do; {why}; "
            f"give it: --input {name}==VALUE, for example {name}==[1, 2]"
        ) from None


def _ones(use: Use) -> list[int]:
    return [1] * use.count


def _zeros(use: Use) -> list[int]:
    return [0] * use.count


def _first_axes(use: Use) -> list[int]:
    return list(range(use.count))


def _reshape(use: Use) -> list[int]:
    return [*[1] * (use.count - 1), -1] if use.count else []


def _axes_of_one(use: Use) -> list[int]:
    return [axis for axis, size in enumerate(use.size_of(0)) if size == 1][: use.count]


def _sizes(use: Use) -> list[int]:
    sizes = list(use.size_of(0))
    return sizes if len(sizes) == use.count else sizes[: use.count]


def _split(use: Use) -> list[int]:
    size = use.size_of(0)[use.axis(0)]
    each = -(-size // use.count)
    return [max(0, min(each, size - each * at)) for at in range(use.count)]


def _lengths(time_axis: int) -> _Rule:
    return lambda use: [use.size_of(0)[time_axis]] * use.count


def _compared_with(slot: int) -> _Rule:
    """A single number that chooses between ways to go on, as a sampling rate does, is one that the graph asks for."""

    def rule(use: Use) -> Literal | None:
        asked = integers_in(use.graph, use.node.proto.input[slot])
        if math.prod(use.shape) != 1 or len(asked) != 1:
            return None
        return asked if use.shape else asked[0]

    return rule


def _constant(value: int | float) -> _Rule:
    return lambda use: [value] * use.count if use.shape else value


_RULES: dict[tuple[str, int], _Rule] = {
    ("Gather", 1): lambda use: Below(use.size_of(0)[use.axis(0)]),
    ("GatherElements", 1): lambda use: Below(use.size_of(0)[use.axis(0)]),
    ("ScatterElements", 1): lambda use: Below(use.size_of(0)[use.axis(0)]),
    ("Scatter", 1): lambda use: Below(use.size_of(0)[use.axis(0)]),
    ("GatherND", 1): lambda use: Below(min(use.size_of(0)[use.number("batch_dims", 0) :])),
    ("ScatterND", 1): lambda use: Below(min(use.size_of(0))),
    ("TensorScatter", 2): _zeros,
    ("OneHot", 1): _constant(2),
    ("Equal", 0): _compared_with(1),
    ("Equal", 1): _compared_with(0),
    ("Reshape", 1): _reshape,
    ("Expand", 1): _ones,
    ("Tile", 1): _ones,
    ("ConstantOfShape", 0): _constant(2),
    ("Slice", 1): _zeros,
    ("Slice", 2): _constant(_FAR),
    ("Slice", 3): _first_axes,
    ("Slice", 4): _ones,
    ("Pad", 1): _zeros,
    ("Pad", 3): _first_axes,
    ("Upsample", 1): lambda use: [1.0] * use.count,
    ("Resize", 2): lambda use: [1.0] * use.count,
    ("Resize", 3): _sizes,
    ("AffineGrid", 1): lambda use: [1, 1, *[4] * (use.count - 2)],
    ("Unsqueeze", 1): _first_axes,
    ("Squeeze", 1): _axes_of_one,
    ("Split", 1): _split,
    ("SplitToSequence", 1): _split,
    ("CumSum", 1): _constant(0),
    ("TopK", 1): _constant(1),
    ("Trilu", 1): _constant(0),
    ("Range", 0): _constant(0),
    ("Range", 1): _constant(4),
    ("Range", 2): _constant(1),
    ("Loop", 0): _constant(2),
    ("SequenceAt", 1): _constant(0),
    ("SequenceErase", 1): _constant(0),
    ("SequenceInsert", 2): _constant(0),
    ("CenterCropPad", 1): lambda use: list(use.size_of(0))[: use.count],
    ("NonMaxSuppression", 2): _constant(2),
    ("BlackmanWindow", 0): _constant(8),
    ("HannWindow", 0): _constant(8),
    ("HammingWindow", 0): _constant(8),
    ("ReverseSequence", 1): lambda use: [use.size_of(0)[use.number("time_axis", 0)]] * use.count,
    **{(operator, 4): _lengths(0) for operator in ("LSTM", "GRU", "RNN")},
    **{
        (f"Reduce{name}", 1): _first_axes
        for name in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
    },
}
"""By operator and slot, what an input there has to be."""

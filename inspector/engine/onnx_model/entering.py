"""How a node enters the graphs in it: whether it does, and what their inputs are the first time.

Source: the definitions of If, Loop and Scan, https://onnx.ai/onnx/operators.
"""

from collections.abc import Callable
from dataclasses import dataclass

from onnx import AttributeProto, NodeProto, ValueInfoProto

from inspector.engine.onnx_model.graph import Body, Graph

Number = Callable[[str], float | None]
"""The first element of a value; None where it is not known."""


@dataclass(frozen=True)
class Given:
    """What an input of a body is: a value around the node, a slice of one, or a number."""

    name: str = ""
    at: tuple[tuple[int, int], ...] = ()
    """Axis and index of each slice, one taken of the other."""
    number: int = 0
    dtype: str = ""
    """Of the number; "" where it is a value."""
    shape: tuple[int, ...] = ()
    """Of the number."""


def enters(body: Body, number: Number) -> bool | None:
    """Whether the node runs the body at all; None where that depends on values that are not known."""
    node = body.node.proto
    if not body.node.standard:
        return None
    if node.op_type == "If":
        condition = number(node.input[0])
        return None if condition is None else bool(condition) == (body.attribute == "then_branch")
    if node.op_type == "Loop":
        most, condition = (number(name) if name else 1.0 for name in [*node.input, "", ""][:2])
        if most == 0 or condition == 0:
            return False
        return None if most is None or condition is None else True
    return None


def first_inputs(body: Body) -> list[Given] | None:
    """What the body's own inputs are the first time it runs, in their order; None where that is not known."""
    node = body.node.proto
    if not body.node.standard or node.op_type not in _FIRST_INPUTS:
        return None
    given = _FIRST_INPUTS[node.op_type](node, body.graph)
    return given if given is not None and len(given) == len(body.graph.proto.input) else None


def _if(node: NodeProto, graph: Graph) -> list[Given]:
    return []


def _loop(node: NodeProto, graph: Graph) -> list[Given]:
    shapes = [_sizes(value) for value in graph.proto.input[:2]]
    # onnxruntime hands over the number of the iteration, and the condition, as the body declares them.
    iteration, condition = (shape if shape == (1,) else () for shape in [*shapes, (), ()][:2])
    return [
        Given(number=0, dtype="int64", shape=iteration),
        Given(number=1, dtype="bool", shape=condition),
        *(Given(name) for name in node.input[2:]),
    ]


def _scan(node: NodeProto, graph: Graph) -> list[Given] | None:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    count = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    if graph.opset() == 8:
        # Then with a batch: each sequence is gone through on its own, and its length may be given first.
        states, scanned = _split(list(node.input[1:]), count)
        reversed_ = _integers(attributes, "directions", count)
        batch = (0, 0)
        return [
            *(Given(name, (batch,)) for name in states),
            *(Given(name, (batch, (0, -way))) for name, way in zip(scanned, reversed_, strict=True)),
        ]
    states, scanned = _split(list(node.input), count)
    axes, reversed_ = (_integers(attributes, name, count) for name in ("scan_input_axes", "scan_input_directions"))
    return [
        *(Given(name) for name in states),
        *(Given(name, ((axis, -way),)) for name, axis, way in zip(scanned, axes, reversed_, strict=True)),
    ]


_FIRST_INPUTS: dict[str, Callable[[NodeProto, Graph], list[Given] | None]] = {"If": _if, "Loop": _loop, "Scan": _scan}


def _split(names: list[str], last: int) -> tuple[list[str], list[str]]:
    return names[: len(names) - last], names[len(names) - last :]


def _integers(attributes: dict[str, AttributeProto], name: str, count: int) -> list[int]:
    given = list(attributes[name].ints) if name in attributes else []
    return given if len(given) == count else [0] * count


def _sizes(value: ValueInfoProto) -> tuple[int, ...]:
    return tuple(size.dim_value for size in value.type.tensor_type.shape.dim)

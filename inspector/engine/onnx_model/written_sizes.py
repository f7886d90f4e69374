"""Sizes that a graph has written down: an export may have fixed the size that it was made with."""

from collections import Counter

from onnx import TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.graph import Graph

_SHAPED = ("Expand", "Reshape")
"""Operators whose second input is a shape."""
_PUTS_TOGETHER = ("Cast", "Concat", "Squeeze", "Unsqueeze")
"""What a shape is made with of numbers."""
_INTEGERS = (TensorProto.INT32, TensorProto.INT64)
_LONGEST_SHAPE = 16
_MOST = 8


def sizes_written_down(graph: Graph) -> list[int]:
    """The most frequent numbers in the shapes that nodes ask for, those first that stand in more of them."""
    counted: Counter[int] = Counter()
    for node in graph.nodes:
        if node.standard and node.proto.op_type in _SHAPED and len(node.proto.input) > 1:
            counted.update(_numbers_behind(graph, node.proto.input[1]))
    return [size for size, _ in counted.most_common() if size > 1][:_MOST]


def _numbers_behind(graph: Graph, name: str) -> set[int]:
    found: set[int] = set()
    waiting, met = [name], {name}
    while waiting:
        one = waiting.pop()
        maker = graph.producers.get(one)
        if graph.holds(one):
            found.update(integers_in(graph, one))
        elif maker is not None and maker.proto.op_type in _PUTS_TOGETHER:
            read = maker.proto.input if maker.proto.op_type == "Concat" else maker.proto.input[:1]
            waiting.extend(other for other in read if other not in met)
            met.update(read)
    return found


def integers_in(graph: Graph, name: str) -> list[int]:
    """The few integers of an initializer or constant; none where it holds anything else or cannot be read."""
    held = graph.tensor(name)
    if held is None or held.data_type not in _INTEGERS or len(held.dims) > 1 or sum(held.dims) > _LONGEST_SHAPE:
        return []
    try:
        return [int(number) for number in graph.files.array(held).reshape(-1)]
    except RequestError:
        return []

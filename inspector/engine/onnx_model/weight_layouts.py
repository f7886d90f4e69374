"""How a node uses a weight, as far as fans go: which axis it sums over, and how many weights lie in one tensor."""

from collections.abc import Callable

from msgspec import structs

from inspector.core.fans import Layout
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node

WEIGHT_SLOTS = {"QLinearConv": 3, "QLinearMatMul": 3}
"""Where an operator takes its weight, if not second."""
_GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
_AS_IT_IS = ("Cast", "CastLike", "DequantizeLinear", "Identity", "QuantizeLinear")


def layout_in(graph: Graph, name: str, rank: int) -> Layout:
    """Of a value by the first node that reads it, seen through what only converts or transposes it."""
    readers = [(node, slot) for node, slot in graph.readers.get(name, []) if slot >= 0]
    if not readers:
        return Layout()
    node, slot = readers[0]
    kind, output = node.operator, node.proto.output[0] if node.proto.output else ""
    if slot == 0 and kind in _AS_IT_IS and output in graph.readers:
        return layout_in(graph, output, rank)
    if kind == "Transpose" and rank == 2 and _integers(node, "perm", [1, 0]) == [1, 0] and output in graph.readers:
        return _turned(layout_in(graph, output, rank))
    return layout_of(node, slot, rank)


def _turned(layout: Layout) -> Layout:
    if layout.kind == "input_first":
        return structs.replace(layout, kind="output_first")
    return structs.replace(layout, kind="input_first") if layout.kind == "output_first" else layout


def layout_of(node: Node, slot: int, rank: int) -> Layout:
    """Of a weight with that many axes at this place among a node's inputs."""
    reader = _LAYOUTS.get(node.operator)
    return reader(node, slot, rank) if reader is not None else Layout()


def _convolution(node: Node, slot: int, rank: int) -> Layout:
    if slot != WEIGHT_SLOTS.get(node.proto.op_type, 1):
        return Layout()
    groups, stride = _integer(node, "group", 1), _integers(node, "strides", [])
    if node.proto.op_type == "ConvTranspose":
        return Layout(kind="transposed", groups=groups, stride=stride)
    return Layout(groups=groups, stride=stride)


def _product(node: Node, slot: int, rank: int) -> Layout:
    """``x @ W`` with W (…, in, out), or ``W @ x`` with W (…, out, in); the attributes transpose them."""
    right = slot == WEIGHT_SLOTS.get(node.proto.op_type, 1)
    if not right and slot != 0:
        return Layout()
    stacked = max(0, rank - 2)
    if right != bool(_integer(node, "transB" if right else "transA", 0)):
        return Layout(kind="input_first", stacked=stacked)
    return Layout(stacked=stacked)


def _recurrence(node: Node, slot: int, rank: int) -> Layout:
    """W and R are (directions, gates·hidden, in); the biases of a direction lie side by side."""
    if rank < 2 or slot not in (1, 2, 3):
        return Layout()
    return Layout(stacked=1, gates=_GATES[node.proto.op_type] if slot < 3 else 1)


def _einstein_sum(node: Node, slot: int, rank: int) -> Layout:
    """A matrix of which the first letter is summed over and the second stays."""
    equation = next((one.s.decode(errors="replace") for one in node.proto.attribute if one.name == "equation"), "")
    operands, arrow, output = equation.replace(" ", "").partition("->")
    letters = operands.split(",")
    text = letters[slot] if slot < len(letters) else ""
    if arrow and rank == len(text) == 2 and [letter in output for letter in text] == [False, True]:
        return Layout(kind="input_first")
    return Layout()


def _lookup(node: Node, slot: int, rank: int) -> Layout:
    return Layout(kind="lookup") if slot == 0 else Layout()


_LAYOUTS: dict[str, Callable[[Node, int, int], Layout]] = {
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Einsum": _einstein_sum,
    "GRU": _recurrence,
    "Gather": _lookup,
    "Gemm": _product,
    "LSTM": _recurrence,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "RNN": _recurrence,
    "com.microsoft.FusedConv": _convolution,
    "com.microsoft.FusedGemm": _product,
    "com.microsoft.FusedMatMul": _product,
}


def _integer(node: Node, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.proto.attribute if attribute.name == name), default)


def _integers(node: Node, name: str, default: list[int]) -> list[int]:
    return next((list(attribute.ints) for attribute in node.proto.attribute if attribute.name == name), default)

"""Floating-point operations of each node, by the formulas that PyTorch models are counted with.

Work is counted where it lies: in matrix products, convolutions, attention and recurrent layers; a multiply-add is two
operations. Source of the formulas: `torch.utils.flop_counter`; of the operands' layouts: the specification of ONNX.
"""

from collections.abc import Callable, Mapping
from math import prod

from inspector.engine.onnx_model.constant_values import NONE_GIVEN, GivenValues
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.node_view import NodeView
from inspector.engine.onnx_model.reading_nodes import read_nodes

_Formula = Callable[[NodeView], int | None]
_FORMULAS: dict[str, _Formula] = {}


def operations_of(graph: Graph, shapes: Mapping[str, list[int]], given: GivenValues = NONE_GIVEN) -> dict[int, int]:
    """The operations of every node that has a formula and whose shapes are known, by its position."""
    return {node.index: count for node, count in read_nodes(graph, shapes, given, _FORMULAS)}


def _counts(operators: str) -> Callable[[_Formula], _Formula]:
    """Register the formula of operators, separated by spaces."""

    def register(formula: _Formula) -> _Formula:
        for operator in operators.split():
            _FORMULAS[operator] = formula
        return formula

    return register


@_counts("Conv ConvInteger DeformConv QLinearConv com.microsoft.FusedConv")
def _convolution(view: NodeView) -> int:
    """Every output element is a sum over the channels of its group and the kernel's positions."""
    weight = view.shape(3 if view.node.proto.op_type == "QLinearConv" else 1)
    return 2 * prod(view.output()) * prod(weight[1:])


@_counts("ConvTranspose")
def _transposed_convolution(view: NodeView) -> int:
    """Every input element is multiplied with the kernels of its group's output channels."""
    return 2 * prod(view.shape(0)) * prod(view.shape(1)[1:])


@_counts(
    "MatMul MatMulInteger QLinearMatMul com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat "
    "com.microsoft.MatMulNBits"
)
def _matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[-1]


@_counts("Gemm com.microsoft.FusedGemm com.microsoft.QGemm")
def _general_matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[0 if view.attribute("transA", 0) else 1]


@_counts("com.microsoft.FusedMatMul com.microsoft.TransposeMatMul")
def _fused_matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[-2 if view.attribute("transA", 0) else -1]


@_counts("Einsum")
def _einstein_sum(view: NodeView) -> int | None:
    """Two tensors at a time from the left, as torch multiplies them: a product over all letters that meet.

    A letter that only one tensor has, and nothing needs later, is summed up before.
    """
    left, arrow, right = view.attribute("equation", "").replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) < 2:
        return None
    sizes: dict[str, int] = {}
    letters = []
    for slot, text in enumerate(operands):
        shape = view.shape(slot)
        before, dots, after = text.partition("...")
        unnamed = len(shape) - len(before) - len(after) if dots else 0
        # An ellipsis stands for the dimensions between those that are named; digits name them from the last one.
        spelled = [*before, *(str(dim) for dim in reversed(range(unnamed))), *after]
        letters.append(spelled)
        for letter, size in zip(spelled, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    every = [letter for spelled in letters for letter in spelled]
    named = set(right) if arrow else {letter for letter in every if every.count(letter) == 1}
    output = named | {letter for letter in every if letter.isdigit()}
    total, held = 0, set(letters[0])
    for place, spelled in enumerate(letters[1:], start=1):
        later = output.union(*letters[place + 1 :])
        meeting = (held | set(spelled)) & later | held & set(spelled)
        total += 2 * prod(sizes[letter] for letter in meeting)
        held = (held | set(spelled)) & later
    return total


@_counts("Attention")
def _attention(view: NodeView) -> int:
    """``Q·Kᵀ`` and its product with V; Q, K, V as (batch, heads, steps, size) or (batch, steps, heads·size)."""
    query, key, value = (view.shape(slot) for slot in range(3))
    if len(query) == 4:
        heads, size, value_size = query[1], query[3], value[3]
    else:
        heads = view.attribute("q_num_heads", 0)
        size, value_size = query[2] // heads, value[2] // view.attribute("kv_num_heads", 0)
    steps = key[-2] + (view.shape(4)[-2] if view.has(4) else 0)
    return 2 * query[0] * heads * query[-2] * steps * (size + value_size)


@_counts("GRU LSTM RNN")
def _recurrence(view: NodeView) -> int:
    """In each step, for each sample and direction, both weights are multiplied with a vector."""
    return 2 * prod(view.shape(0)[:2]) * (prod(view.shape(1)) + prod(view.shape(2)))

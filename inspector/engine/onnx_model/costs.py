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


@_counts(
    "CausalConvWithState Conv ConvInteger DeformConv QLinearConv com.microsoft.CausalConvWithState "
    "com.microsoft.FusedConv com.microsoft.nchwc.Conv"
)
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
    "com.microsoft.MatMulBnb4 com.microsoft.MatMulNBits"
)
def _matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[-1]


@_counts("Gemm com.microsoft.FusedGemm com.microsoft.QGemm")
def _general_matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[0 if view.attribute("transA", 0) else 1]


@_counts("com.microsoft.FusedMatMul com.microsoft.FusedMatMulActivation com.microsoft.TransposeMatMul")
def _fused_matrix_product(view: NodeView) -> int:
    return 2 * prod(view.output()) * view.shape(0)[-2 if view.attribute("transA", 0) else -1]


@_counts("ai.onnx.ml.LinearClassifier ai.onnx.ml.LinearRegressor")
def _linear_model(view: NodeView) -> int:
    """Every number of every row times the coefficients, one for each class or target."""
    return 2 * prod(view.shape(0)[:-1]) * len(view.attribute("coefficients", [0.0]))


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


@_counts("com.microsoft.Attention com.microsoft.QAttention")
def _projected_attention(view: NodeView) -> int:
    """One product makes queries, keys and values of (batch, steps, features), side by side; then attention."""
    batch, steps, features = view.shape(0)
    width = view.shape(1)[1]
    sizes = view.attribute("qkv_hidden_sizes", [0]) if view.given("qkv_hidden_sizes") else [width // 3] * 3
    past = 8 if view.node.proto.op_type == "QAttention" else 4
    seen = steps + (view.shape(past)[-2] if view.has(past) else 0)
    return 2 * batch * steps * (features * width + seen * (sizes[0] + sizes[2]))


@_counts("com.microsoft.MultiHeadAttention")
def _multi_head_attention(view: NodeView) -> int | None:
    """Queries (batch, steps, features); keys and values the same, or (batch, heads, steps, size)."""
    query, key, value = (view.shape(slot) for slot in range(3))
    if len(query) != 3 or len(key) not in (3, 4):
        return None
    values = value[-1] * (value[1] if len(value) == 4 else 1)
    seen = key[-2] + (view.shape(6)[-2] if view.has(6) else 0)
    return 2 * query[0] * query[1] * seen * (query[2] + values)


@_counts("com.microsoft.GroupQueryAttention")
def _group_query_attention(view: NodeView) -> int | None:
    """Queries (batch, steps, heads·size); every group of heads shares a key and a value, which come with the past."""
    if not view.has(1):
        return None
    batch, steps, features = view.shape(0)
    seen = view.output(1)[-2] if len(view.node.proto.output) > 1 else view.shape(1)[1]
    return 2 * batch * steps * seen * 2 * features


@_counts("LinearAttention com.microsoft.LinearAttention")
def _linear_attention(view: NodeView) -> int:
    """In each step: ``k ⊗ v`` into each state, ``qᵀS`` for each query's head; the delta rules ask for ``Sᵀk`` too."""
    batch, steps, width = view.shape(0)
    heads, states = view.attribute("q_num_heads", 0), view.attribute("kv_num_heads", 0)
    size, value_size = width // heads, view.shape(2)[-1] // states
    delta = "delta" in view.attribute("update_rule", "gated_delta")
    return 2 * batch * steps * size * value_size * (heads + states * (2 if delta else 1))


@_counts("GRU LSTM RNN com.microsoft.DynamicQuantizeLSTM")
def _recurrence(view: NodeView) -> int:
    """In each step, for each sample and direction, both weights are multiplied with a vector."""
    return 2 * prod(view.shape(0)[:2]) * (prod(view.shape(1)) + prod(view.shape(2)))

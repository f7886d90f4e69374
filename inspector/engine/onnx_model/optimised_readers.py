"""Operators of onnxruntime's own domain, which its optimiser and its quantisation put in the place of ONNX's.

Source: ContribOperators.md of onnxruntime.
"""

from collections.abc import Callable

from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.field_registry import Reader, reads
from inspector.engine.onnx_model.node_view import NodeView, Operand, UnreadableError
from inspector.engine.onnx_model.sequences import recurrent
from inspector.engine.onnx_model.windows import window_of

BLOCKED = "com.microsoft.nchwc"
"""The domain of what the optimiser makes of convolutions for the processor at hand."""


def _reads(operators: str) -> Callable[[Reader], Reader]:
    return reads(operators, "com.microsoft")


@_reads("BiasAdd BiasGelu DequantizeLinear FastGelu Gelu QLinearLeakyRelu QLinearSigmoid QuantizeLinear QuickGelu")
def _by_element(view: NodeView) -> Fields:
    return view.apply("elementwise", [view.operand(0)])


@_reads("QLinearAdd QLinearMul")
def _quantised_pair(view: NodeView) -> Fields:
    return view.apply("elementwise", [view.operand(0), view.operand(3)])


@_reads("QLinearConcat")
def _quantised_concatenation(view: NodeView) -> Fields:
    """Scale and zero point of the output, then each tensor with its own."""
    parts = [view.operand(slot) for slot in range(2, len(view.node.proto.input), 3)]
    return view.apply("cat", parts, dim=view.attribute("axis", 1))


@_reads("QLinearSoftmax")
def _quantised_softmax(view: NodeView) -> Fields:
    if view.attribute("opset", 13) < 13:
        raise UnreadableError
    return view.apply("softmax", [view.operand(0)], dims=[view.attribute("axis", -1)])


@_reads("QLinearGlobalAveragePool")
def _quantised_global_pooling(view: NodeView) -> Fields:
    _refuse_channels_last(view)
    return view.apply("adaptive_pool", [view.operand(0)], axes=len(view.shape(0)) - 2)


@_reads("QLinearAveragePool")
def _quantised_pooling(view: NodeView) -> Fields:
    _refuse_channels_last(view)
    return view.apply("pool", [view.operand(0)], **window_of(view, None).settings)


@_reads("FusedConv")
def _fused_convolution(view: NodeView) -> Fields:
    """A convolution, a tensor added to it, an activation."""
    made = view.apply("conv", [view.operand(0)], **window_of(view, 1).settings)
    return view.apply("elementwise", [(view.output(), made[0]), view.operand(3)]) if view.has(3) else made


@_reads("DynamicQuantizeMatMul MatMulIntegerToFloat")
def _matrix_product(view: NodeView) -> Fields:
    """The quantisation of a matrix made while running depends on all of it."""
    left = view.operand(0)
    if view.node.proto.op_type == "DynamicQuantizeMatMul":
        left = view.apply_to("normalise", left, left[0], dims=list(range(len(left[0]))))
    return view.apply("matmul", [left, view.operand(1)])


@_reads("DynamicQuantizeLSTM")
def _quantised_recurrence(view: NodeView) -> Fields:
    """As the products: scale and zero point follow from the whole input."""
    read = view.operand(0)
    return recurrent(view, view.apply_to("normalise", read, read[0], dims=list(range(len(read[0])))))


@_reads("QGemm")
def _quantised_matrix_product(view: NodeView) -> Fields:
    return view.apply("matmul", [_turned(view, 0, "transA"), _turned(view, 3, "transB")])


@_reads("FusedGemm FusedMatMul FusedMatMulActivation TransposeMatMul")
def _fused_matrix_product(view: NodeView) -> Fields:
    return view.apply("matmul", [_turned(view, 0, "transA"), _turned(view, 1, "transB")])


@_reads("MatMulBnb4 MatMulNBits")
def _packed_matrix_product(view: NodeView) -> Fields:
    return view.apply("linear", [view.operand(0)])


@_reads("EmbedLayerNormalization")
def _embedded(view: NodeView) -> Fields:
    """Ids looked up in tables, their sum normalised over its features."""
    made = view.apply_for("embedding", [view.operand(0)], [view.output()])
    return [made[0] if place == 0 else None for place, name in enumerate(view.node.proto.output) if name]


@_reads("SkipLayerNormalization SkipSimplifiedLayerNormalization")
def _norm_of_a_sum(view: NodeView) -> Fields:
    total = view.apply_to("elementwise", view.operand(0), view.output())
    (normed,) = view.apply_for("layer_norm", [view.operand(0), view.operand(1)], [view.output()], dims=[-1])
    (added,) = view.apply_for("elementwise", [total, view.operand(1)], [view.output()])
    places = [place for place, name in enumerate(view.node.proto.output) if name]
    return [normed if place == 0 else added if place == 3 else None for place in places]


@_reads("Attention QAttention")
def _self_attention(view: NodeView) -> Fields:
    """(batch, steps, features): every position reads all steps."""
    if len([name for name in view.node.proto.output if name]) > 1:
        raise UnreadableError
    return view.apply("normalise", [view.operand(0)], dims=[1, 2])


@_reads("GroupQueryAttention MultiHeadAttention")
def _attention(view: NodeView) -> Fields:
    if len([name for name in view.node.proto.output if name]) > 1 or not (view.has(1) and view.has(2)):
        raise UnreadableError
    return view.apply("attention", [view.operand(slot) for slot in range(3)], sequence_dim=-2)


@reads("Conv", BLOCKED)
def _blocked_convolution(view: NodeView) -> Fields:
    """As FusedConv: channels in blocks lie elsewhere in memory, and all else as they did."""
    return _fused_convolution(view)


@reads("AveragePool MaxPool", BLOCKED)
def _blocked_pooling(view: NodeView) -> Fields:
    return view.apply("pool", [view.operand(0)], **window_of(view, None).settings)


@reads("GlobalAveragePool GlobalMaxPool", BLOCKED)
def _blocked_global_pooling(view: NodeView) -> Fields:
    return view.apply("adaptive_pool", [view.operand(0)], axes=len(view.shape(0)) - 2)


@reads("ReorderInput ReorderOutput", BLOCKED)
def _reordering(view: NodeView) -> Fields:
    """Into blocks of channels and back, some of them padding: as a convolution of size 1, positions stay."""
    _refuse_channels_last(view)
    ones, zeros = [1] * (len(view.shape(0)) - 2), [0] * (len(view.shape(0)) - 2)
    return view.apply("conv", [view.operand(0)], kernel=ones, stride=ones, padding=zeros, dilation=ones)


def _turned(view: NodeView, slot: int, transposed: str) -> Operand:
    side = view.operand(slot)
    if not view.attribute(transposed, 0):
        return side
    rank = len(side[0])
    dims = [*range(rank - 2), rank - 1, rank - 2]
    return view.apply_to("permute", side, tuple(side[0][dim] for dim in dims), dims=dims)


def _refuse_channels_last(view: NodeView) -> None:
    if view.attribute("channels_last", 0):
        raise UnreadableError
